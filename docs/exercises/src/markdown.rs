//! What leads from page to page: links, and the anchors that they lead to.
//!
//! The tests of the book check them, and `book-sources` follows them. Links are found by the
//! parser that mdBook uses; anchors are those that GitHub gives to headings, which are
//! mdBook's, too.

use std::collections::BTreeMap;

use pulldown_cmark::{BrokenLink, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd};

/// A link of a page.
#[derive(Debug)]
pub struct Link {
    /// The line on which it begins.
    pub line: usize,
    /// Where it leads, as it is written.
    pub target: String,
    /// Whether it is written as `[text][name]`, of which there is no such name.
    pub dangles: bool,
    /// The text in place of a picture, if it is one.
    pub picture: Option<String>,
}

/// What there is in a page to lead elsewhere, and to be led to.
#[derive(Debug, Default)]
pub struct Contents {
    /// Its links and pictures, in their order.
    pub links: Vec<Link>,
    /// The anchors of its headings, and those that it sets by hand (`<a id="...">`).
    pub anchors: Vec<String>,
    /// Its first heading.
    pub title: Option<String>,
}

/// Reads a page.
pub fn contents(text: &str) -> Contents {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    // `[text][name]` is meant as a link; a lone `[text]` is not.
    let unknown = |link: BrokenLink<'_>| {
        let meant = link.link_type == LinkType::Reference;
        meant.then(|| (CowStr::from(link.reference.to_string()), CowStr::from("")))
    };
    let parser = Parser::new_with_broken_link_callback(text, options, Some(unknown));
    let mut found = Contents::default();
    let mut slugs = Slugs::default();
    let mut heading: Option<String> = None;
    let mut picture: Option<usize> = None;
    for (event, range) in parser.into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let title = heading.take().unwrap_or_default();
                found.anchors.push(slugs.next(&title));
                found.title.get_or_insert(title);
            }
            Event::Start(Tag::Link {
                link_type,
                dest_url,
                ..
            }) => {
                found.links.push(Link {
                    line: line_at(text, range.start),
                    target: dest_url.to_string(),
                    dangles: link_type == LinkType::ReferenceUnknown,
                    picture: None,
                });
            }
            Event::Start(Tag::Image {
                link_type,
                dest_url,
                ..
            }) => {
                picture = Some(found.links.len());
                found.links.push(Link {
                    line: line_at(text, range.start),
                    target: dest_url.to_string(),
                    dangles: link_type == LinkType::ReferenceUnknown,
                    picture: Some(String::new()),
                });
            }
            Event::End(TagEnd::Image) => picture = None,
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
                let shown = picture.and_then(|at| found.links[at].picture.as_mut());
                shown.into_iter().for_each(|shown| shown.push_str(&part));
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                let line = line_at(text, range.start);
                found.anchors.extend(attributes(&html, &["id", "name"]));
                let targets = attributes(&html, &["href", "src"]);
                found.links.extend(targets.map(|target| Link {
                    line,
                    target,
                    dangles: false,
                    picture: None,
                }));
            }
            _ => {}
        }
    }
    found
}

fn line_at(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// The values of some attributes of a piece of HTML. Comments have none.
fn attributes(html: &str, names: &[&str]) -> impl Iterator<Item = String> {
    let html = if html.trim_start().starts_with("<!--") {
        ""
    } else {
        html
    };
    let mut found = Vec::new();
    for name in names {
        for rest in html.split(&format!(" {name}=\"")).skip(1) {
            found.extend(rest.split_once('"').map(|(value, _)| value.to_owned()));
        }
    }
    found.into_iter()
}

/// The anchors of a page, as GitHub makes them.
#[derive(Debug, Default)]
struct Slugs {
    taken: BTreeMap<String, usize>,
}

impl Slugs {
    /// Letters, digits, hyphens and underscores stay, blanks become hyphens, and the second
    /// heading of a name gets a number.
    fn next(&mut self, title: &str) -> String {
        let kept = title.trim().chars().filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c => c.is_alphanumeric().then_some(c),
        });
        let slug = kept.collect::<String>().to_lowercase();
        let times = self.taken.entry(slug.clone()).or_default();
        *times += 1;
        match *times {
            1 => slug,
            times => format!("{slug}-{}", times - 1),
        }
    }
}

/// Where a link leads.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// To another site.
    Elsewhere,
    /// To a file or a directory of the repository, and maybe to an anchor there.
    Here {
        /// Where it is, from the root of the repository.
        path: String,
        /// Which anchor.
        anchor: Option<String>,
    },
    /// Out of the repository.
    Outside,
}

/// Follows a link of a page.
pub fn follow(page: &str, target: &str) -> Target {
    let scheme = target.split_once(':').map(|(scheme, _)| scheme);
    if scheme.is_some_and(|scheme| scheme.chars().all(|c| c.is_ascii_alphanumeric())) {
        return Target::Elsewhere;
    }
    let (relative, anchor) = match target.split_once('#') {
        Some((relative, anchor)) => (relative, Some(anchor.to_owned())),
        None => (target, None),
    };
    if relative.is_empty() {
        return Target::Here {
            path: page.to_owned(),
            anchor,
        };
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." if parts.pop().is_some() => {}
            ".." => return Target::Outside,
            part => parts.push(part),
        }
    }
    if relative.starts_with('/') {
        return Target::Outside;
    }
    let path = parts.join("/");
    Target::Here {
        path: path.trim_end_matches('/').to_owned(),
        anchor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_get_the_anchors_of_github() {
        let page = "# One *two* `three()`\n## C1 & C2: x_y\n## C1 & C2: x_y\n<a id=\"hand\"></a>\n";
        let found = contents(page);
        assert_eq!(
            found.anchors,
            ["one-two-three", "c1--c2-x_y", "c1--c2-x_y-1", "hand"]
        );
        assert_eq!(found.title.as_deref(), Some("One two three()"));
    }

    #[test]
    fn links_have_their_lines() {
        let page = "[a](b.md)\n[c\nd](e.md \"f\") `[g](h.md)`\n\n![i](j.svg)\n";
        let links = contents(page).links;
        let links: Vec<_> = links
            .iter()
            .map(|l| (l.line, l.target.as_str(), l.picture.as_deref()))
            .collect();
        assert_eq!(
            links,
            [
                (1, "b.md", None),
                (2, "e.md", None),
                (5, "j.svg", Some("i"))
            ]
        );
    }

    #[test]
    fn links_are_followed_from_their_page() {
        let here = |path: &str, anchor: Option<&str>| Target::Here {
            path: path.to_owned(),
            anchor: anchor.map(str::to_owned),
        };
        assert_eq!(follow("docs/a.md", "b.md#c"), here("docs/b.md", Some("c")));
        assert_eq!(follow("docs/a.md", "#c"), here("docs/a.md", Some("c")));
        assert_eq!(follow("docs/a/b.md", "../../x/"), here("x", None));
        assert_eq!(follow("a.md", "../x"), Target::Outside);
        assert_eq!(follow("a.md", "/x"), Target::Outside);
        assert_eq!(follow("a.md", "https://x.org"), Target::Elsewhere);
    }
}
