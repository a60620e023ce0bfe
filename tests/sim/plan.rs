//! What a seed decides: who writes when, how the network behaves, and what goes wrong.

use std::time::Duration;

use sealpost_domain::message::Priority;

use crate::checker::Violation;
use crate::dice::Dice;
use crate::letters::Letter;
use crate::wire::Weather;
use crate::world::World;

/// The plan of a run.
pub(crate) struct Plan {
    pub(crate) letters: Vec<Letter>,
    pub(crate) weather: Weather,
    /// In the order of their times.
    pub(crate) steps: Vec<(Duration, Step)>,
    /// When everything is mended.
    pub(crate) lasts: Duration,
}

/// Something that goes wrong, or is mended.
#[derive(Clone, Debug)]
pub(crate) enum Step {}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::of(seed, "plan");
        let lasts = Duration::from_secs(dice.within(5, 15));
        let ways: [(&str, &[&str]); 6] = [
            ("HK-CED", &["DE-ZKA"]),
            ("HK-CED", &["DE-ZKA", "TH-TCD", "SG-CUS"]),
            ("DE-ZKA", &["HK-CED", "TH-TCD"]),
            ("TH-TCD", &["HK-CED"]),
            ("SG-CUS", &["HK-CED"]),
            ("SG-CUS", &["DE-ZKA"]),
        ];
        let count = usize::try_from(dice.within(5, 20)).unwrap_or(5);
        let letters = (0..count).map(|number| {
            let at = dice.millis(0, u64::try_from(lasts.as_millis()).unwrap_or(1));
            let (from, to) = dice.one(&ways);
            let priority = *dice.one(Priority::ALL);
            Letter::new(number, at, from, to, priority)
        });
        let letters = letters.collect();
        let weather = Weather { delay: (1, 60), repeated: 0, lost: 0, reordered: 0, stuttered: 0 };
        Self { letters, weather, steps: Vec::new(), lasts }
    }
}

impl Step {
    pub(crate) async fn take(&self, _world: &mut World) -> Result<(), Violation> {
        match *self {}
    }
}
