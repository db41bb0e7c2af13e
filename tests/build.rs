//! Makes a new script a new test: the macro that lists the scripts runs again only
//! when this package is compiled again.

fn main() {
    println!("cargo::rerun-if-changed=rules/golden");
    println!("cargo::rerun-if-changed=rules/parity");
}
