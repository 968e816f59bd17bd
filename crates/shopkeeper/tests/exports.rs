//! What shops export, through the program: the files of the data folder are
//! imported without storing, and what would be stored is compared with what
//! they say.

#[path = "../../test_data.rs"]
mod test_data;

use std::process::Command;

#[test]
fn j18_every_export_file_comes_in_whole_and_right() {
    let Some(folder) = test_data::shared("exports") else {
        return;
    };
    let tool = folder.join("../../tools/check_exports.py");
    let checked = Command::new("python3")
        .arg(tool)
        .arg(env!("CARGO_BIN_EXE_shopkeeper"))
        .arg(&folder)
        .output();
    let checked = match checked {
        Ok(checked) => checked,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "no python3: {error}");
            println!("skipped: there is no python3");
            return;
        }
    };
    let said = String::from_utf8_lossy(&checked.stdout);
    println!("{said}");
    assert!(checked.status.success(), "{said}");
}
