use super::*;
use proptest::prelude::*;

fn sampler(sampling: Sampling) -> Sampler {
    Sampler::new(&sampling).unwrap()
}

/// The probability of each token, by sorting everything, in double precision.
fn reference(
    logits: &[f32],
    seen: &[u32],
    allowed: Option<&TokenMask>,
    sampling: &Sampling,
) -> Vec<f64> {
    let mut logits: Vec<f64> = logits.iter().map(|&logit| f64::from(logit)).collect();
    for (token, logit) in logits.iter_mut().enumerate() {
        let count = seen
            .iter()
            .filter(|&&other| other as usize == token)
            .count();
        let repetition = f64::from(sampling.repetition_penalty);
        if count > 0 {
            *logit = if *logit > 0.0 {
                *logit / repetition
            } else {
                *logit * repetition
            };
            *logit -= count as f64 * f64::from(sampling.frequency_penalty);
            *logit -= f64::from(sampling.presence_penalty);
        }
        if allowed.is_some_and(|mask| !mask.contains(token as u32)) {
            *logit = f64::NEG_INFINITY;
        }
    }
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
    order.retain(|&token| logits[token] > f64::NEG_INFINITY);
    let largest = order.first().map_or(0.0, |&token| logits[token]);
    let mut probabilities = vec![0.0; logits.len()];
    if sampling.temperature <= 0.0 {
        order
            .iter()
            .take(1)
            .for_each(|&token| probabilities[token] = 1.0);
        return probabilities;
    }
    // The likeliest token's weight is 1.
    let weight = |token: usize| ((logits[token] - largest) / f64::from(sampling.temperature)).exp();
    if sampling.top_k > 0 {
        order.truncate(sampling.top_k);
    }
    let total: f64 = order.iter().map(|&token| weight(token)).sum();
    let mut held = 0.0;
    let nucleus = order.iter().take_while(|&&token| {
        let before = held;
        held += weight(token);
        before == 0.0 || before < f64::from(sampling.top_p) * total
    });
    let nucleus = nucleus.count();
    if sampling.top_p < 1.0 {
        order.truncate(nucleus);
    }
    order.retain(|&token| weight(token) >= f64::from(sampling.min_p));
    let total: f64 = order.iter().map(|&token| weight(token)).sum();
    for &token in &order {
        probabilities[token] = weight(token) / total;
    }
    probabilities
}

/// Draws often and compares with the reference by Pearson's χ².
fn check(logits: &[f32], seen: &[u32], allowed: Option<&TokenMask>, sampling: Sampling) {
    const DRAWS: usize = 20_000;
    let expected = reference(logits, seen, allowed, &sampling);
    let mut sampler = sampler(sampling.clone());
    let mut counts = vec![0usize; logits.len()];
    for _ in 0..DRAWS {
        let token = sampler.choose(&mut logits.to_vec(), seen, allowed).unwrap();
        counts[token as usize] += 1;
    }
    let (mut statistic, mut kinds) = (0.0, 0);
    for (&count, &probability) in counts.iter().zip(&expected) {
        let mean = probability * DRAWS as f64;
        assert!(
            probability > 0.0 || count == 0,
            "{sampling:?}: an impossible token"
        );
        if probability > 0.0 {
            statistic += (count as f64 - mean).powi(2) / mean;
            kinds += 1;
        }
    }
    // Mean and deviation of χ² with kinds - 1 degrees of freedom.
    let freedom = f64::from(kinds - 1);
    let bound = freedom + 5.0 * (2.0 * freedom).sqrt() + 5.0;
    assert!(
        statistic <= bound,
        "{sampling:?}: χ² {statistic} over {bound}"
    );
}

const LOGITS: [f32; 10] = [1.0, -0.5, 2.0, 0.0, 2.0, 1.5, -1.0, 0.5, 1.0, -2.0];

#[test]
fn each_setting_gives_the_distribution_it_promises() {
    let warm = Sampling {
        temperature: 1.0,
        seed: 7,
        ..Sampling::default()
    };
    let mut mask = TokenMask::none(10);
    [1, 3, 5, 8].iter().for_each(|&token| mask.insert(token));
    let settings = [
        warm.clone(),
        Sampling {
            temperature: 0.5,
            ..warm.clone()
        },
        Sampling {
            temperature: 3.0,
            ..warm.clone()
        },
        Sampling {
            top_k: 1,
            ..warm.clone()
        },
        Sampling {
            top_k: 3,
            ..warm.clone()
        },
        Sampling {
            top_k: 99,
            ..warm.clone()
        },
        Sampling {
            top_p: 0.5,
            ..warm.clone()
        },
        Sampling {
            top_p: 0.95,
            ..warm.clone()
        },
        Sampling {
            top_p: 0.0,
            ..warm.clone()
        },
        Sampling {
            min_p: 0.3,
            ..warm.clone()
        },
        Sampling {
            top_k: 6,
            top_p: 0.8,
            min_p: 0.3,
            ..warm.clone()
        },
        Sampling {
            repetition_penalty: 1.5,
            ..warm.clone()
        },
        Sampling {
            frequency_penalty: 0.4,
            presence_penalty: 0.3,
            ..warm.clone()
        },
        Sampling {
            repetition_penalty: 0.7,
            frequency_penalty: -0.2,
            top_p: 0.9,
            ..warm
        },
        Sampling::default(),
    ];
    for sampling in settings {
        check(&LOGITS, &[], None, sampling.clone());
        check(&LOGITS, &[2, 2, 2, 5, 9, 400], None, sampling.clone());
        check(&LOGITS, &[5, 1], Some(&mask), sampling);
    }
}

#[test]
fn equal_logits_are_taken_by_the_lower_token() {
    let greedy = sampler(Sampling::default()).choose(&mut LOGITS.clone(), &[], None);
    assert_eq!(greedy, Some(2));
    let one = Sampling {
        temperature: 1.0,
        top_k: 1,
        ..Sampling::default()
    };
    assert_eq!(sampler(one).choose(&mut LOGITS.clone(), &[], None), Some(2));
    let tiny = Sampling {
        temperature: 1e-30,
        ..Sampling::default()
    };
    assert_eq!(
        sampler(tiny).choose(&mut LOGITS.clone(), &[], None),
        Some(2)
    );
}

#[test]
fn impossible_logits_are_never_chosen() {
    let warm = Sampling {
        temperature: 1.0,
        top_p: 0.9,
        ..Sampling::default()
    };
    for sampling in [Sampling::default(), warm] {
        let mut sampler = sampler(sampling);
        let (nan, low) = (f32::NAN, f32::NEG_INFINITY);
        assert_eq!(
            sampler.choose(&mut [nan, low, -3.0, low], &[], None),
            Some(2)
        );
        assert_eq!(
            sampler.choose(&mut [low, f32::INFINITY, 3.0], &[], None),
            Some(1)
        );
        assert_eq!(sampler.choose(&mut [nan, low], &[], None), None);
        assert_eq!(sampler.choose(&mut [], &[0], None), None);
        assert_eq!(
            sampler.choose(&mut [1.0; 5], &[], Some(&TokenMask::none(5))),
            None
        );
        let mut last = TokenMask::none(3);
        last.insert(2);
        assert_eq!(
            sampler.choose(&mut [1.0, 1.0, -90.0, 9.0], &[], Some(&last)),
            Some(2)
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_tokens() {
    let drawn = |seed| {
        let mut sampler = sampler(Sampling {
            temperature: 1.0,
            seed,
            ..Sampling::default()
        });
        let mut choose = || sampler.choose(&mut LOGITS.clone(), &[], None);
        std::array::from_fn::<_, 20, _>(|_| choose())
    };
    assert_eq!(drawn(3), drawn(3));
    assert_ne!(drawn(3), drawn(4));
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let check = |sampling: Sampling, start: &str| {
        let error = sampling.validate().unwrap_err().to_string();
        assert!(error.starts_with(&format!("decoding: {start}")), "{error}");
    };
    let plain = Sampling::default;
    check(
        Sampling {
            temperature: f32::NAN,
            ..plain()
        },
        "temperature is NaN: it has to be",
    );
    check(
        Sampling {
            temperature: 101.0,
            ..plain()
        },
        "temperature is 101",
    );
    check(
        Sampling {
            top_p: 1.5,
            ..plain()
        },
        "top_p is 1.5: it has to be a number from 0 to 1",
    );
    check(
        Sampling {
            min_p: -0.1,
            ..plain()
        },
        "min_p is -0.1",
    );
    check(
        Sampling {
            repetition_penalty: 0.0,
            ..plain()
        },
        "repetition_penalty is 0",
    );
    check(
        Sampling {
            frequency_penalty: f32::INFINITY,
            ..plain()
        },
        "frequency_penalty is inf",
    );
    check(
        Sampling {
            presence_penalty: -101.0,
            ..plain()
        },
        "presence_penalty is -101",
    );
    check(
        Sampling {
            stop_strings: vec![String::new()],
            ..plain()
        },
        "stop_strings[0] is empty",
    );
    assert_eq!(plain().validate(), Ok(()));
}

proptest! {
    /// Partial selection keeps exactly what a full sort keeps, in its order.
    #[test]
    fn the_nucleus_is_that_of_a_full_sort(
        seeds in proptest::collection::vec(0u32..3000, 1..600),
        share in 0.0f64..1.1,
    ) {
        let weights = seeds.iter().map(|&seed| (seed % 97 + 1) as f32 / 97.0);
        let mut candidates: Vec<Candidate> =
            (0..).zip(weights).map(|(token, weight)| Candidate { weight, token }).collect();
        let mut sorted = candidates.clone();
        sorted.sort_by(order);
        let mass = share * sorted.iter().map(|c| f64::from(c.weight)).sum::<f64>();
        let mut held = 0.0;
        let kept = sorted.iter().take_while(|c| {
            let before = held;
            held += f64::from(c.weight);
            before == 0.0 || before < mass
        }).count();
        keep_nucleus(&mut candidates, mass);
        if share <= 1.0 {
            let tokens = |c: &[Candidate]| c.iter().map(|c| c.token).collect::<Vec<_>>();
            prop_assert_eq!(tokens(&candidates), tokens(&sorted[..kept]));
        }
        prop_assert!(candidates.is_sorted_by(|a, b| order(a, b).is_lt()));
    }

    /// What is left over a large vocabulary is what the definition says.
    #[test]
    fn restrictions_of_a_large_vocabulary_are_exact(
        seed in 0u64..1000,
        top_k in prop_oneof![Just(0usize), 1usize..50],
        top_p in prop_oneof![Just(1.0f32), 0.05f32..0.999],
        min_p in prop_oneof![Just(0.0f32), 0.001f32..0.5],
        spread in 0.1f32..12.0,
    ) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let logits: Vec<f32> = (0..5000).map(|_| random.random::<f32>() * spread).collect();
        let sampling = Sampling { temperature: 0.8, top_k, top_p, min_p, ..Sampling::default() };
        let expected = reference(&logits, &[], None, &sampling);
        let mut sampler = sampler(sampling);
        let mut weights = logits.clone();
        weigh(&mut weights, maximum(&logits), 1.0 / 0.8);
        if sampler.restrict_to_likeliest(&weights) {
            let kept: std::collections::BTreeSet<u32> =
                sampler.candidates.iter().map(|c| c.token).collect();
            let wanted = (0..5000).filter(|&token: &u32| expected[token as usize] > 0.0);
            let wanted: std::collections::BTreeSet<u32> = wanted.collect();
            // Single precision may put one token on the other side of a border.
            let differing = kept.symmetric_difference(&wanted).count();
            prop_assert!(differing <= 1, "{differing} of {}", wanted.len());
        } else {
            prop_assert!(expected.iter().all(|&probability| probability > 0.0));
        }
    }
}
