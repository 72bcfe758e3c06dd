//! Loops over rows, block by block.

/// `each_block!(len, [read], [written], |i| …)`: the body for each `i` of a block of [`LANES`](crate::simd::LANES) numbers,
/// block after block, up to `len`. Rows are at least as long. What is left of `len` after whole blocks is not visited: rows
/// of tiles are [whole](super::softmax::WHOLE).
///
/// In the body, a row's name is that of a copy of its block, which nothing else can point to. Without, the compiler asks
/// whether rows overlap and keeps a second loop, without vectors, in case they do; the constants of that one then take the
/// registers that the first lacks.
///
/// What is [`ahead`](crate::simd::Ahead) is brought into the cache block by block.
macro_rules! each_block {
    ($len:expr, [$($read:ident),*], [$($written:ident),*], |$i:ident| $body:block) => {{
        let ahead = [crate::simd::Ahead::none(); 0];
        each_block!($len, [$($read),*], [$($written),*], ahead, |$i| $body)
    }};
    ($len:expr, [$($read:ident),*], [$($written:ident),*], $ahead:ident, |$i:ident| $body:block) => {{
        use crate::simd::LANES;
        let len = $len / LANES * LANES;
        $(let $read = $read[..len].as_chunks::<LANES>().0;)*
        $(let $written = $written[..len].as_chunks_mut::<LANES>().0;)*
        for block in 0..len / LANES {
            for ahead in $ahead {
                ahead.bring(block);
            }
            let results = {
                $(let $read = $read[block];)*
                $(let mut $written = $written[block];)*
                for $i in 0..LANES $body
                ($($written,)*)
            };
            ($($written[block],)*) = results;
        }
    }};
}
pub(crate) use each_block;
