// Local statistics of two images in a sliding window, a formula of them at each centre, and the gradient. See window/mod.rs
// for the mathematics.
//
// Launches, in order, none of which waits for the host:
//   NAME_windows_T   tiles in shared memory: moments, statistics, values; what each window puts at its centre
//   NAME_gradient_T  the adjoint of the window over what windows put at their centres
//   NAME_value_R     one block: values of items, and of all
//
// Planes of images, one window, no masks. Blocks have a tile of a plane each: (planes, tile rows, tile columns).
#pragma once
#include "../math.h"

namespace cvl {

enum { BORDER_VALID = 0, BORDER_REFLECT = 1, BORDER_REPLICATE = 2, BORDER_ZERO = 3 };

enum {
    WINDOW_GRADIENT = 1,
    WINDOW_TARGET_GRADIENT = 2,
    WINDOW_ADD_GRADIENT = 4,
    WINDOW_ADD_TARGET_GRADIENT = 8,
};

// The largest radius of a window, as far as shared memory of a tile goes; and the extents of a tile.
template <class R> struct Tile {
    enum {
        RADIUS = 8,
        COLUMNS = 32,
        ROWS = sizeof(R) == 8 ? 8 : 16,
        ALL_COLUMNS = COLUMNS + 2 * RADIUS,
        ALL_ROWS = ROWS + 2 * RADIUS,
        SEEN = ALL_COLUMNS * ALL_ROWS,
        ALONG = COLUMNS * ALL_ROWS,
        OWN = COLUMNS * ROWS,
    };
};

// An axis of an image with the window that slides along it. See axis.rs.
struct Axis {
    uint len, radius;
};

template <class R> struct WindowCall {
    // The formula's own.
    R formula[4];
    // Variances are multiplied with this; they are at least the floor, 0 or −∞.
    R unbias, floor;
    // Multiplies slopes of each window: its share in the result.
    R share;
    // Multiplies the gradients of input and target.
    R scale, target_scale;
    uint planes, border, flags;
    Axis rows, columns;
};

// What windows see around a pixel, of `s = x + y` and `d = x − y`; or the derivatives with respect to it.
template <class R> struct Local {
    R sum, difference, sum_variance, difference_variance;
};

template <class R> struct Windowed {
    R value;
    Local<R> slopes;
};

CVL_FN uint centre_count(CVL_CALL(Axis) axis, uint border) {
    return border == BORDER_VALID ? axis.len - 2 * axis.radius : axis.len;
}

// The pixel of the first centre.
CVL_FN int first_centre(CVL_CALL(Axis) axis, uint border) { return border == BORDER_VALID ? int(axis.radius) : 0; }

// The pixel that a position shows, or −1 where there are zeros. Also where a tile ends beyond what its windows see.
CVL_FN int pixel_at(int at, CVL_CALL(Axis) axis, uint border) {
    int last = int(axis.len) - 1;
    if (border == BORDER_REFLECT) {
        at = at < 0 ? -at : at;
        at = at > last ? 2 * last - at : at;
    } else if (border == BORDER_REPLICATE) {
        at = at < 0 ? 0 : (at > last ? last : at);
    }
    return at >= 0 && at <= last ? at : -1;
}

// Which tile a block has, of so many pixels or centres.
struct TilePlace {
    uint plane, row, column;
};

template <class R> CVL_FN TilePlace tile_place(Place place, uint rows, uint columns) {
    uint across = (columns + Tile<R>::COLUMNS - 1) / Tile<R>::COLUMNS;
    uint down = (rows + Tile<R>::ROWS - 1) / Tile<R>::ROWS;
    uint row = place.block / across % down, column = place.block % across;
    return {place.block / across / down, row * uint(Tile<R>::ROWS), column * uint(Tile<R>::COLUMNS)};
}

// `x + y` and `x − y` of pixels.
template <class R> struct Pair {
    R s, d;
};

// About the means of `x + y` and `x − y` over a plane: the variance of numbers far from 0 has few digits.
template <class T, class R>
CVL_FN Pair<R> plane_shift(CVL_DEVICE const T *input, CVL_DEVICE const T *target, uint space) {
    const uint samples = 16;
    Pair<R> mean = {R(0), R(0)};
    for (uint sample = 0; sample < samples; sample++) {
        // (2 sample + 1) space / 32, without leaving 32 bits.
        uint odd = 2 * sample + 1;
        uint at = space / (2 * samples) * odd + space % (2 * samples) * odd / (2 * samples);
        R x = R(input[at]), y = R(target[at]);
        mean = {mean.s + (x + y), mean.d + (x - y)};
    }
    mean = {mean.s / R(samples), mean.d / R(samples)};
    return {abs(mean.s) < R(INFINITY) ? mean.s : R(0), abs(mean.d) < R(INFINITY) ? mean.d : R(0)};
}

template <class T, class R>
CVL_FN Pair<R> shifted(CVL_DEVICE const T *input, CVL_DEVICE const T *target, int row, int column, Pair<R> shift,
                       CVL_CALL(WindowCall<R>) call) {
    bool is_there = row >= 0 && column >= 0;
    uint at = is_there ? uint(row) * call.columns.len + uint(column) : 0;
    R x = is_there ? R(input[at]) : R(0), y = is_there ? R(target[at]) : R(0);
    return {x + y - shift.s, x - y - shift.d};
}

// A formula's value in one window, and its derivatives with respect to the moments, in `Local`'s places.
template <class F, class R>
CVL_FN Windowed<R> window(F formula, CVL_THREAD const R *moments, Pair<R> shift, CVL_CALL(WindowCall<R>) call) {
    R s = moments[0], d = moments[1], ss = moments[2], dd = moments[3];
    R unbias = call.unbias, floor = call.floor;
    R variance_s = unbias * (ss - s * s), variance_d = unbias * (dd - d * d);
    Local<R> local = {s + shift.s, d + shift.d, at_least(variance_s, floor), at_least(variance_d, floor)};
    Windowed<R> found = formula.eval(local);
    // No slope where a variance is at its floor.
    R of_s = unbias * (variance_s < floor ? R(0) : found.slopes.sum_variance);
    R of_d = unbias * (variance_d < floor ? R(0) : found.slopes.difference_variance);
    R by_s = found.slopes.sum - (s + s) * of_s;
    R by_d = found.slopes.difference - (d + d) * of_d;
    return {found.value, {by_s, by_d, of_s, of_d}};
}

// Memory of a block for a tile.
template <class R> struct WindowMemory {
    // `x + y` and `x − y` of all pixels that the tile's windows see; then of the sums along rows, four of each.
    CVL_LOCAL R *sums;
    CVL_LOCAL R *differences;
    CVL_LOCAL R *along;
    CVL_LOCAL R *scratch;
};

// The sum of values in this block's windows. What windows put at their centres goes to `maps`, (4, planes, centres).
template <class F, class T, class R>
CVL_FN R window_values(CVL_DEVICE const T *input, CVL_DEVICE const T *target, CVL_DEVICE const R *taps, CVL_DEVICE R *maps,
                       CVL_CALL(WindowCall<R>) call, CVL_THREAD const WindowMemory<R> &memory, Place place) {
    uint rows = centre_count(call.rows, call.border), columns = centre_count(call.columns, call.border);
    TilePlace tile = tile_place<R>(place, rows, columns);
    uint space = call.rows.len * call.columns.len;
    input += tile.plane * space;
    target += tile.plane * space;
    Pair<R> shift = plane_shift<T, R>(input, target, space);
    // Window and tile, as far as it lies in the image.
    uint height = 2 * call.rows.radius + 1, width = 2 * call.columns.radius + 1;
    uint own_rows = rows - tile.row < uint(Tile<R>::ROWS) ? rows - tile.row : uint(Tile<R>::ROWS);
    uint all_rows = own_rows + height - 1;
    const uint stride = Tile<R>::ALL_COLUMNS;
    uint all_columns = uint(Tile<R>::COLUMNS) + width - 1;
    int first_row = int(tile.row) + first_centre(call.rows, call.border) - int(call.rows.radius);
    int first_column = int(tile.column) + first_centre(call.columns, call.border) - int(call.columns.radius);
    for (uint i = place.index; i < all_rows * all_columns; i += place.threads) {
        uint row = i / all_columns, column = i % all_columns;
        int y = pixel_at(first_row + int(row), call.rows, call.border);
        int x = pixel_at(first_column + int(column), call.columns, call.border);
        Pair<R> pixel = shifted<T, R>(input, target, y, x, shift, call);
        memory.sums[row * stride + column] = pixel.s;
        memory.differences[row * stride + column] = pixel.d;
    }
    CVL_BARRIER();
    for (uint i = place.index; i < all_rows * uint(Tile<R>::COLUMNS); i += place.threads) {
        uint row = i / uint(Tile<R>::COLUMNS), column = i % uint(Tile<R>::COLUMNS);
        R s = R(0), d = R(0), ss = R(0), dd = R(0);
        for (uint t = 0; t < width; t++) {
            uint at = row * stride + column + t;
            R tap = taps[height + t], of_s = memory.sums[at], of_d = memory.differences[at];
            s = mul_add(tap, of_s, s);
            d = mul_add(tap, of_d, d);
            ss = mul_add(tap, of_s * of_s, ss);
            dd = mul_add(tap, of_d * of_d, dd);
        }
        memory.along[i] = s;
        memory.along[uint(Tile<R>::ALONG) + i] = d;
        memory.along[2 * uint(Tile<R>::ALONG) + i] = ss;
        memory.along[3 * uint(Tile<R>::ALONG) + i] = dd;
    }
    CVL_BARRIER();
    F formula = F::of(call);
    bool has_gradient = (call.flags & (WINDOW_GRADIENT | WINDOW_TARGET_GRADIENT)) != 0;
    uint all = call.planes * rows * columns;
    R total = R(0);
    for (uint i = place.index; i < own_rows * uint(Tile<R>::COLUMNS); i += place.threads) {
        uint row = tile.row + i / uint(Tile<R>::COLUMNS), column = tile.column + i % uint(Tile<R>::COLUMNS);
        if (column >= columns) {
            continue;
        }
        R moments[4] = {R(0), R(0), R(0), R(0)};
        for (uint t = 0; t < height; t++) {
            R tap = taps[t];
            CVL_UNROLL
            for (int k = 0; k < 4; k++) {
                uint at = uint(k) * uint(Tile<R>::ALONG) + i + t * uint(Tile<R>::COLUMNS);
                moments[k] = mul_add(tap, memory.along[at], moments[k]);
            }
        }
        Windowed<R> found = window<F, R>(formula, moments, shift, call);
        total += found.value;
        if (has_gradient) {
            uint at = (tile.plane * rows + row) * columns + column;
            maps[at] = call.share * found.slopes.sum;
            maps[all + at] = call.share * found.slopes.difference;
            maps[2 * all + at] = call.share * found.slopes.sum_variance;
            maps[3 * all + at] = call.share * found.slopes.difference_variance;
        }
    }
    return block_sum(total, memory.scratch, place);
}

// What windows put at their centres, as a pixel sees it along one axis: from `from[c]` of centres whose pixels are `first`
// and so on, `count` of them, `stride` apart.
template <class R>
CVL_FN R adjoint(CVL_LOCAL const R *from, int first, int count, uint stride, int pixel, CVL_DEVICE const R *taps,
                 CVL_CALL(Axis) axis, uint border) {
    int radius = int(axis.radius), last = int(axis.len) - 1;
    // Positions that show the pixel: itself, and some beyond either end.
    int low = 1, low_end = 0, high = 1, high_end = 0;
    if (border == BORDER_REFLECT) {
        if (pixel >= 1 && pixel <= radius) {
            low = low_end = -pixel;
        }
        if (last - pixel >= 1 && last - pixel <= radius) {
            high = high_end = 2 * last - pixel;
        }
    } else if (border == BORDER_REPLICATE) {
        if (pixel == 0) {
            low = -radius;
            low_end = -1;
        }
        if (pixel == last) {
            high = last + 1;
            high_end = last + radius;
        }
    }
    R sum = R(0);
    for (int group = 0; group < 3; group++) {
        int begin = group == 0 ? pixel : (group == 1 ? low : high);
        int end = group == 0 ? pixel : (group == 1 ? low_end : high_end);
        for (int position = begin; position <= end; position++) {
            for (int t = 0; t <= 2 * radius; t++) {
                int c = position + radius - t - first;
                if (c >= 0 && c < count) {
                    sum = mul_add(taps[t], from[uint(c) * stride], sum);
                }
            }
        }
    }
    return sum;
}

// The gradients of this block's pixels.
template <class T, class R>
CVL_FN void window_gradient(CVL_DEVICE const T *input, CVL_DEVICE const T *target, CVL_DEVICE const R *taps,
                            CVL_DEVICE const R *maps, CVL_DEVICE R *gradient, CVL_DEVICE R *target_gradient,
                            CVL_CALL(WindowCall<R>) call, CVL_LOCAL R *seen, CVL_LOCAL R *along, CVL_LOCAL R *found,
                            Place place) {
    TilePlace tile = tile_place<R>(place, call.rows.len, call.columns.len);
    uint space = call.rows.len * call.columns.len;
    input += tile.plane * space;
    target += tile.plane * space;
    gradient += tile.plane * space;
    target_gradient += tile.plane * space;
    Pair<R> shift = plane_shift<T, R>(input, target, space);
    uint rows = centre_count(call.rows, call.border), columns = centre_count(call.columns, call.border);
    uint all = call.planes * rows * columns;
    uint height = 2 * call.rows.radius + 1;
    // Centres whose windows reach the tile, by their pixels.
    int first_row = int(tile.row) - int(call.rows.radius), first_column = int(tile.column) - int(call.columns.radius);
    uint all_rows = uint(Tile<R>::ROWS) + 2 * call.rows.radius;
    uint all_columns = uint(Tile<R>::COLUMNS) + 2 * call.columns.radius;
    const uint stride = Tile<R>::ALL_COLUMNS;
    for (uint map = 0; map < 4; map++) {
        for (uint i = place.index; i < all_rows * all_columns; i += place.threads) {
            uint row = i / all_columns, column = i % all_columns;
            int y = first_row + int(row) - first_centre(call.rows, call.border);
            int x = first_column + int(column) - first_centre(call.columns, call.border);
            bool is_there = y >= 0 && y < int(rows) && x >= 0 && x < int(columns);
            uint at = is_there ? (tile.plane * rows + uint(y)) * columns + uint(x) : 0;
            seen[row * stride + column] = is_there ? maps[map * all + at] : R(0);
        }
        CVL_BARRIER();
        for (uint i = place.index; i < all_rows * uint(Tile<R>::COLUMNS); i += place.threads) {
            uint row = i / uint(Tile<R>::COLUMNS), column = i % uint(Tile<R>::COLUMNS);
            along[i] = adjoint<R>(seen + row * stride, first_column, int(all_columns), 1, int(tile.column + column),
                                  taps + height, call.columns, call.border);
        }
        CVL_BARRIER();
        for (uint i = place.index; i < uint(Tile<R>::OWN); i += place.threads) {
            uint row = i / uint(Tile<R>::COLUMNS), column = i % uint(Tile<R>::COLUMNS);
            found[map * uint(Tile<R>::OWN) + i] =
                adjoint<R>(along + column, first_row, int(all_rows), uint(Tile<R>::COLUMNS), int(tile.row + row), taps,
                           call.rows, call.border);
        }
        // The next map is read where this one was; `found` stays with the thread that wrote it.
        CVL_BARRIER();
    }
    for (uint i = place.index; i < uint(Tile<R>::OWN); i += place.threads) {
        uint row = tile.row + i / uint(Tile<R>::COLUMNS), column = tile.column + i % uint(Tile<R>::COLUMNS);
        if (row >= call.rows.len || column >= call.columns.len) {
            continue;
        }
        uint at = row * call.columns.len + column;
        Pair<R> pixel = shifted<T, R>(input, target, int(row), int(column), shift, call);
        R by_s = found[i] + R(2) * pixel.s * found[2 * uint(Tile<R>::OWN) + i];
        R by_d = found[uint(Tile<R>::OWN) + i] + R(2) * pixel.d * found[3 * uint(Tile<R>::OWN) + i];
        if ((call.flags & WINDOW_GRADIENT) != 0) {
            R before = (call.flags & WINDOW_ADD_GRADIENT) != 0 ? gradient[at] : R(0);
            gradient[at] = before + call.scale * (by_s + by_d);
        }
        if ((call.flags & WINDOW_TARGET_GRADIENT) != 0) {
            R before = (call.flags & WINDOW_ADD_TARGET_GRADIENT) != 0 ? target_gradient[at] : R(0);
            target_gradient[at] = before + call.target_scale * (by_s - by_d);
        }
    }
}

template <class R> struct WindowValueCall {
    // The share of a window in its item's value, and that of an item in the result.
    R share, item_share;
    uint items, planes, tiles;
};

// Values of items, which have so many planes of so many tiles; and the result.
template <class R>
CVL_FN void window_total(CVL_DEVICE const R *partial, CVL_DEVICE R *values, CVL_DEVICE R *value,
                         CVL_CALL(WindowValueCall<R>) call, CVL_LOCAL R *scratch, Place place) {
    R total = R(0);
    for (uint item = 0; item < call.items; item++) {
        uint each = call.planes * call.tiles;
        R sum = R(0);
        for (uint i = place.index; i < each; i += place.threads) {
            sum += partial[item * each + i];
        }
        sum = block_sum(sum, scratch, place) * call.share;
        if (place.index == 0) {
            values[item] = sum;
        }
        total += sum;
    }
    if (place.index == 0) {
        value[0] = total * call.item_share;
    }
}

} // namespace cvl

#define CVL_WINDOW(LOSS, FORMULA, NAME, T, R)                                                                          \
    CVL_KERNEL(LOSS##_windows_##NAME, CVL_IN(0, T, input), CVL_IN(1, T, target), CVL_IN(2, R, taps),                   \
               CVL_OUT(3, R, maps), CVL_OUT(4, R, partial), CVL_NUMBERS(5, cvl::WindowCall<R>, call)) {                \
        CVL_SHARED(R, sums, cvl::Tile<R>::SEEN);                                                                       \
        CVL_SHARED(R, differences, cvl::Tile<R>::SEEN);                                                                \
        CVL_SHARED(R, along, 4 * cvl::Tile<R>::ALONG);                                                                 \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::WindowMemory<R> memory = {sums, differences, along, scratch};                                             \
        R sum = cvl::window_values<cvl::FORMULA<R>, T, R>(input, target, taps, maps, call, memory, place);             \
        if (place.index == 0) {                                                                                        \
            partial[place.block] = sum;                                                                                \
        }                                                                                                              \
    }                                                                                                                  \
    CVL_KERNEL(LOSS##_gradient_##NAME, CVL_IN(0, T, input), CVL_IN(1, T, target), CVL_IN(2, R, taps),                  \
               CVL_IN(3, R, maps), CVL_OUT(4, R, gradient), CVL_OUT(5, R, target_gradient),                            \
               CVL_NUMBERS(6, cvl::WindowCall<R>, call)) {                                                             \
        CVL_SHARED(R, seen, cvl::Tile<R>::SEEN);                                                                       \
        CVL_SHARED(R, along, cvl::Tile<R>::ALONG);                                                                     \
        CVL_SHARED(R, found, 4 * cvl::Tile<R>::OWN);                                                                   \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::window_gradient<T, R>(input, target, taps, maps, gradient, target_gradient, call, seen, along, found,     \
                                   place);                                                                             \
    }
#define CVL_WINDOW_VALUE(LOSS, NAME, R)                                                                                \
    CVL_KERNEL(LOSS##_value_##NAME, CVL_IN(0, R, partial), CVL_OUT(1, R, values), CVL_OUT(2, R, value),                \
               CVL_NUMBERS(3, cvl::WindowValueCall<R>, call)) {                                                        \
        CVL_SHARED(R, scratch, cvl::SUM_SCRATCH);                                                                      \
        cvl::Place place = CVL_PLACE;                                                                                  \
        cvl::window_total<R>(partial, values, value, call, scratch, place);                                            \
    }
