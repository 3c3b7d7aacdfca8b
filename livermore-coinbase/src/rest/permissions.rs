use crate::wire::rest::KeyPermissions;

impl KeyPermissions {
    /// What a person should change about the key, most important first.
    pub const fn advice(&self) -> Option<&'static str> {
        if !self.can_view {
            Some("the key may not read (can_view is false); give it `view` in the Developer Platform's portal")
        } else if self.can_trade || self.can_transfer {
            Some("the key may trade or transfer, which a monitor never does; a key with `view` alone is safer")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_needless_rights_are_named() {
        let key = |can_view, can_trade| KeyPermissions { can_view, can_trade, can_transfer: false };
        assert!(key(false, true).advice().unwrap().contains("can_view"));
        assert!(key(true, true).advice().unwrap().contains("safer"));
        assert_eq!(key(true, false).advice(), None);
    }
}
