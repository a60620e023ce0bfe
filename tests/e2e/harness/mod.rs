//! What the stories stand on: networks, programs, conditions.

mod eventually;
