//! How much memory this machine could give to a model.

/// The bytes that are free or can be freed at once, within what this process
/// may take; `None` where the system does not tell.
pub fn available_bytes() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = available_of(&read("/proc/meminfo")?)?;
    let limit = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse().ok());
    let taken = read("/sys/fs/cgroup/memory.current").and_then(|text| text.trim().parse().ok());
    Some(within(machine, limit, taken))
}

/// `MemAvailable` of Linux's `/proc/meminfo`, in bytes.
fn available_of(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// What is left of a container's limit, where that is less.
fn within(machine: u64, limit: Option<u64>, taken: Option<u64>) -> u64 {
    let left = limit.map(|limit| limit.saturating_sub(taken.unwrap_or(0)));
    left.map_or(machine, |left| left.min(machine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_machine_and_container_counts() {
        let meminfo = "MemTotal:  16 kB\nMemAvailable:    4096 kB\nSwapFree: 1 kB\n";
        assert_eq!(available_of(meminfo), Some(4096 * 1024));
        assert_eq!(available_of("MemTotal: 16 kB\n"), None);
        assert_eq!(within(100, None, Some(3)), 100);
        assert_eq!(within(100, Some(50), Some(20)), 30);
        assert_eq!(within(100, Some(50), Some(60)), 0);
        assert_eq!(within(100, Some(500), None), 100);
    }
}
