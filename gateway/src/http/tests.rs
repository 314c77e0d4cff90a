//! Stories over the whole router.
