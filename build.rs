//! The pages are built into the program as they lie in `web/dist`; without them it says so.

fn main() {
    let _ = std::fs::create_dir_all("web/dist");
    println!("cargo:rerun-if-changed=web/dist");
}
