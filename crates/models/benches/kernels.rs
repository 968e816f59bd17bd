//! The speed of quantised products beside what this machine can do: how many
//! bytes it reads from memory each second and how many operations its
//! single-precision products do.
//!
//! `cargo bench -p models --bench kernels`

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use models::bench::{
    QuantizedBits as Bits, QuantizedLinear, dense_linear, dense_square, quantize_activations,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const THREADS: usize = 2;
/// (inputs, outputs) of the layers of a model of width 576 and its head.
const SHAPES: [(usize, usize); 4] = [(576, 576), (576, 1536), (1536, 576), (576, 49152)];

fn random(length: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(length as u64);
    (0..length).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// Runs these in turn for about a second and gives the shortest time of each
/// in seconds: what the machine can do when nothing disturbs it. What is
/// compared is measured in the same second, for a shared machine changes.
fn best<const RUNS: usize>(mut runs: [&mut dyn FnMut(); RUNS]) -> [f64; RUNS] {
    let begin = Instant::now();
    let mut best = [f64::MAX; RUNS];
    while begin.elapsed() < Duration::from_secs(1) {
        for (best, run) in best.iter_mut().zip(&mut runs) {
            let start = Instant::now();
            run();
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    best
}

/// The thread that asks for products works on them: one that is not of the
/// pool would wait for it to wake up. A second call finds it done.
fn join_pool() {
    let _ = rayon::ThreadPoolBuilder::new()
        .num_threads(THREADS)
        .use_current_thread()
        .build_global();
}

/// Reads a buffer far larger than the caches on all threads.
fn read(buffer: &[u64]) {
    let sum = |part: &[u64]| {
        let mut sums = [0u64; 32];
        for chunk in part.as_chunks::<32>().0 {
            for (sum, value) in sums.iter_mut().zip(chunk) {
                *sum = sum.wrapping_add(*value);
            }
        }
        sums.iter().sum::<u64>()
    };
    let (left, right) = buffer.split_at(buffer.len() / 2);
    black_box(rayon::join(|| sum(left), || sum(right)));
}

/// Copies of a layer, together far larger than the caches, so that each
/// product reads its weights from memory as in a model of many layers.
fn layers(shape: (usize, usize), bits: Bits) -> Vec<QuantizedLinear> {
    let weight = random(shape.0 * shape.1);
    let first = QuantizedLinear::new(&weight, shape, bits);
    let copies = (256 << 20) / first.bytes() + 1;
    let rest = (1..copies).map(|_| QuantizedLinear::new(&weight, shape, bits));
    std::iter::once(first).chain(rest).collect()
}

/// Few rows: bound by reading the weights.
fn decode(criterion: &mut Criterion) {
    join_pool();
    let buffer = vec![1u64; 32 << 20];
    for bits in [Bits::Int8, Bits::Int4] {
        let mut group = criterion.benchmark_group(format!("decode {bits:?}"));
        for shape in SHAPES {
            let layers = layers(shape, bits);
            for rows in [1, 4, 8] {
                let name = format!("{rows} rows · {}×{}", shape.0, shape.1);
                let (input, mut out) = (random(rows * shape.0), vec![0.0; rows * shape.1]);
                let (mut one, mut all) = (out.clone(), out.clone());
                let pass = |out: &mut [f32], threads| {
                    for layer in &layers {
                        layer.multiply(black_box(out), &input, threads);
                    }
                };
                let [one, all, limit] = best([
                    &mut || pass(&mut one, 1),
                    &mut || pass(&mut all, THREADS),
                    &mut || read(&buffer),
                ]);
                let limit = size_of_val(&buffer[..]) as f64 / limit / 1e9;
                for (threads, seconds) in [(1, one), (THREADS, all)] {
                    let seconds = seconds / layers.len() as f64;
                    let rate = layers[0].bytes() as f64 / seconds / 1e9;
                    println!(
                        "{bits:?} {name}, {threads} threads: {:.1} µs, {rate:.1} GB/s, \
                         {:.0} % of the {limit:.1} GB/s that {THREADS} threads read",
                        seconds * 1e6,
                        100.0 * rate / limit,
                    );
                }
                group.throughput(Throughput::Bytes(layers[0].bytes() as u64));
                group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                    let mut layers = layers.iter().cycle();
                    bencher.iter(|| {
                        if let Some(layer) = layers.next() {
                            layer.multiply(black_box(&mut out), &input, THREADS);
                        }
                    });
                });
            }
        }
    }
}

/// Many rows: bound by arithmetic.
fn prompt(criterion: &mut Criterion) {
    join_pool();
    let size = 1024;
    let (left, right) = (random(size * size), random(size * size));
    let mut square = vec![0.0; size * size];
    for shape in &SHAPES[..3] {
        let weight = random(shape.0 * shape.1);
        for rows in [128, 512, 2048] {
            let (input, mut out) = (random(rows * shape.0), vec![0.0; rows * shape.1]);
            let operations = 2.0 * (rows * shape.0 * shape.1) as f64;
            let name = format!("{rows} rows · {}×{}", shape.0, shape.1);
            for bits in [Bits::Int8, Bits::Int4] {
                let layer = QuantizedLinear::new(&weight, *shape, bits);
                let (mut one, mut all) = (out.clone(), out.clone());
                let [one, all, dense, limit, quantize] = best([
                    &mut || layer.multiply(&mut one, &input, 1),
                    &mut || layer.multiply(&mut all, &input, THREADS),
                    &mut || dense_linear(&mut out, &input, &weight, *shape),
                    &mut || dense_square(&mut square, &left, &right, size),
                    &mut || {
                        black_box(quantize_activations(&input, shape.0, 1));
                    },
                ]);
                let limit = 2.0 * (size as f64).powi(3) / limit;
                println!(
                    "{bits:?} {name}: {:.0} GOPS on 1 thread, {:.0} on {THREADS}; \
                     {:.2} and {:.2} × f32 on 1 thread ({:.0}), {:.2} × its limit ({:.0}); \
                     {:.0} of {:.0} µs quantise the input",
                    operations / one / 1e9,
                    operations / all / 1e9,
                    dense / one,
                    dense / all,
                    operations / dense / 1e9,
                    operations / one / limit,
                    limit / 1e9,
                    quantize * 1e6,
                    one * 1e6,
                );
                let mut group = criterion.benchmark_group(format!("prompt {bits:?}"));
                group.throughput(Throughput::Elements(operations as u64));
                group.bench_function(BenchmarkId::from_parameter(&name), |bencher| {
                    bencher.iter(|| layer.multiply(&mut out, &input, THREADS));
                });
            }
        }
    }
}

criterion_group! {
    name = kernels;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    targets = decode, prompt
}
criterion_main!(kernels);
