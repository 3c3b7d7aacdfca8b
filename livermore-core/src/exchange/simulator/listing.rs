/// One simulated product. Prices are whole ticks of 10^-`decimals` quote units, sizes whole 10^-4 base units: integer
/// arithmetic gives the same market on every machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing {
    pub(super) symbol: &'static str,
    pub(super) decimals: u32,
    /// Price at the beginning of history, in ticks.
    pub(super) price: i64,
    /// Largest noise of one five-second step, in ticks.
    pub(super) noise: i64,
    /// Largest size of one trade.
    pub(super) max_size: u64,
    pub(super) character: Character,
}

/// How a product trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Character {
    /// In every step.
    Busy,
    /// With whole minutes in which nothing is traded.
    Thin,
    /// Around a fixed price, to which every minute returns: a stablecoin.
    Pegged,
}

pub(super) const LISTINGS: [Listing; 6] = [
    Listing {
        symbol: "BTC-USD",
        decimals: 2,
        price: 6_400_000,
        noise: 1_600,
        max_size: 9_000,
        character: Character::Busy,
    },
    Listing {
        symbol: "ETH-USD",
        decimals: 2,
        price: 320_000,
        noise: 100,
        max_size: 120_000,
        character: Character::Busy,
    },
    Listing {
        symbol: "SOL-USD",
        decimals: 3,
        price: 145_000,
        noise: 60,
        max_size: 1_500_000,
        character: Character::Busy,
    },
    Listing {
        symbol: "DOGE-USD",
        decimals: 6,
        price: 160_000,
        noise: 80,
        max_size: 700_000_000,
        character: Character::Busy,
    },
    Listing { symbol: "LTC-USD", decimals: 2, price: 9_200, noise: 4, max_size: 400_000, character: Character::Thin },
    Listing {
        symbol: "USDT-USD",
        decimals: 4,
        price: 10_000,
        noise: 2,
        max_size: 30_000_000,
        character: Character::Pegged,
    },
];
