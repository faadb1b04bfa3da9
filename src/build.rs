//! The build script. Rules and static files are embedded by a macro that does not tell cargo which files it read.

fn main() {
    for embedded in ["rules", "static", "templates"] {
        println!("cargo::rerun-if-changed={embedded}");
    }
}
