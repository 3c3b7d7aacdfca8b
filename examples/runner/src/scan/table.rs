use livermore_coinbase::wire::rest::ListedProduct;

use super::restrictions;
use crate::number::{grouped, price};

/// A heading, and a line per product.
pub(super) fn lines(products: &[&ListedProduct]) -> Vec<String> {
    let mut lines =
        vec![format!("{:>4}  {:12} {:>14} {:>8} {:>18}  restrictions", "", "symbol", "price", "24 h", "volume, 24 h")];
    let rows = (1..).zip(products).map(|(rank, listed)| {
        let line = format!(
            "{rank:>4}  {:12} {:>14} {:>8} {:>18}  {}",
            listed.product.symbol,
            listed.product.price.map_or_else(|| "-".to_owned(), price),
            listed.change_24h_percent.map_or_else(|| "-".to_owned(), |change| format!("{change:+.1} %")),
            whole(listed.product.quote_volume_24h),
            restrictions(listed.flags).join(", "),
        );
        line.trim_end().to_owned()
    });
    lines.extend(rows);
    lines
}

/// An amount without its fraction.
fn whole(amount: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, which is enough to read")]
    grouped(amount.round() as u64)
}
