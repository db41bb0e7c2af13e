//! What leads from page to page: links, and the anchors that they lead to.
//!
//! The tests of the book check them, and `book-sources` follows them. Anchors are those that
//! GitHub gives to headings, which are mdBook's, too.

use std::collections::BTreeMap;

use pulldown_cmark::{Event, LinkType, Tag, TagEnd};

use super::{events, line_at};

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
    let mut reader = Reader::default();
    for (event, range) in events(text) {
        reader.take(event, || line_at(text, range.start));
    }
    reader.found
}

/// What was found so far, and where in the page that is.
#[derive(Debug, Default)]
struct Reader {
    found: Contents,
    slugs: Slugs,
    /// The words of the heading that has begun.
    heading: Option<String>,
    /// Which link is the picture that has begun.
    picture: Option<usize>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, line: impl Fn() -> usize) {
        match event {
            Event::Start(Tag::Heading { .. }) => self.heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => self.end_heading(),
            Event::Start(Tag::Link {
                link_type,
                dest_url,
                ..
            }) => self.link(line(), &dest_url, link_type, None),
            Event::Start(Tag::Image {
                link_type,
                dest_url,
                ..
            }) => {
                self.picture = Some(self.found.links.len());
                self.link(line(), &dest_url, link_type, Some(String::new()));
            }
            Event::End(TagEnd::Image) => self.picture = None,
            Event::Text(part) | Event::Code(part) => self.words(&part),
            Event::Html(html) | Event::InlineHtml(html) => self.html(line(), &html),
            _ => {}
        }
    }

    fn end_heading(&mut self) {
        let title = self.heading.take().unwrap_or_default();
        self.found.anchors.push(self.slugs.next(&title));
        self.found.title.get_or_insert(title);
    }

    fn link(&mut self, line: usize, target: &str, link_type: LinkType, picture: Option<String>) {
        self.found.links.push(Link {
            line,
            target: target.to_owned(),
            dangles: link_type == LinkType::ReferenceUnknown,
            picture,
        });
    }

    fn words(&mut self, part: &str) {
        if let Some(heading) = &mut self.heading {
            heading.push_str(part);
        }
        let picture = self.picture.map(|at| &mut self.found.links[at].picture);
        if let Some(Some(shown)) = picture {
            shown.push_str(part);
        }
    }

    fn html(&mut self, line: usize, html: &str) {
        self.found.anchors.extend(attributes(html, &["id", "name"]));
        for target in attributes(html, &["href", "src"]) {
            self.link(line, &target, LinkType::Inline, None);
        }
    }
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
