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

/// The shortest of the runs within about a second, in seconds: what the
/// machine can do when nothing disturbs it.
fn best(mut run: impl FnMut()) -> f64 {
    run();
    let begin = Instant::now();
    let mut best = f64::MAX;
    while begin.elapsed() < Duration::from_secs(1) {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

/// What this machine can do at most.
struct Limits {
    /// GB/s of reading a buffer far larger than the caches on all threads.
    read: f64,
    /// Billions of multiplications and additions a second of a large square
    /// product in single precision on one thread.
    dense: f64,
}

fn limits() -> Limits {
    // The thread that asks for products works on them: one that is not of
    // the pool would wait for it to wake up. A second call finds it done.
    let _ = rayon::ThreadPoolBuilder::new()
        .num_threads(THREADS)
        .use_current_thread()
        .build_global();
    let buffer = vec![1u64; 64 << 20];
    let share = buffer.len() / THREADS;
    let sum = |part: &[u64]| {
        let mut sums = [0u64; 32];
        for chunk in part.as_chunks::<32>().0 {
            for (sum, value) in sums.iter_mut().zip(chunk) {
                *sum = sum.wrapping_add(*value);
            }
        }
        sums.iter().sum::<u64>()
    };
    let seconds = best(|| {
        std::thread::scope(|scope| {
            for part in buffer.chunks(share) {
                scope.spawn(move || black_box(sum(part)));
            }
        });
    });
    let read = (buffer.len() * size_of::<u64>()) as f64 / seconds / 1e9;
    let size = 1024;
    let (left, right) = (random(size * size), random(size * size));
    let mut out = vec![0.0; size * size];
    let seconds = best(|| dense_square(&mut out, &left, &right, size));
    Limits {
        read,
        dense: 2.0 * (size as f64).powi(3) / seconds / 1e9,
    }
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
    let limits = limits();
    println!(
        "this machine reads {:.1} GB/s on {THREADS} threads",
        limits.read
    );
    for bits in [Bits::Int8, Bits::Int4] {
        let mut group = criterion.benchmark_group(format!("decode {bits:?}"));
        for shape in SHAPES {
            let layers = layers(shape, bits);
            for rows in [1, 4, 8] {
                let name = format!("{rows} rows · {}×{}", shape.0, shape.1);
                let (input, mut out) = (random(rows * shape.0), vec![0.0; rows * shape.1]);
                for threads in [1, THREADS] {
                    let pass = best(|| {
                        for layer in &layers {
                            layer.multiply(black_box(&mut out), &input, threads);
                        }
                    });
                    let rate = layers.iter().map(QuantizedLinear::bytes).sum::<usize>() as f64
                        / pass
                        / 1e9;
                    println!(
                        "{bits:?} {name}, {threads} threads: {:.1} µs, {rate:.1} GB/s, {:.0} % of reading",
                        pass / layers.len() as f64 * 1e6,
                        100.0 * rate / limits.read,
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
    let limits = limits();
    println!("f32 products do {:.0} GOPS on one thread", limits.dense);
    for shape in &SHAPES[..3] {
        let weight = random(shape.0 * shape.1);
        for rows in [128, 512, 2048] {
            let (input, mut out) = (random(rows * shape.0), vec![0.0; rows * shape.1]);
            let operations = 2.0 * (rows * shape.0 * shape.1) as f64;
            let name = format!("{rows} rows · {}×{}", shape.0, shape.1);
            let dense = best(|| dense_linear(&mut out, &input, &weight, *shape));
            println!(
                "f32 {name}, 1 thread: {:.0} GOPS, {:.2} of the limit",
                operations / dense / 1e9,
                operations / dense / 1e9 / limits.dense,
            );
            let quantize = best(|| {
                black_box(quantize_activations(&input, shape.0, 1));
            });
            for bits in [Bits::Int8, Bits::Int4] {
                let layer = QuantizedLinear::new(&weight, *shape, bits);
                for threads in [1, THREADS] {
                    let seconds = best(|| layer.multiply(&mut out, &input, threads));
                    println!(
                        "{bits:?} {name}, {threads} threads: {:.0} GOPS, {:.2} × f32 on one thread, {:.1} × the f32 limit; {:.0} of {:.0} µs quantise the input",
                        operations / seconds / 1e9,
                        dense / seconds,
                        operations / seconds / 1e9 / limits.dense,
                        quantize / threads as f64 * 1e6,
                        seconds * 1e6,
                    );
                }
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
