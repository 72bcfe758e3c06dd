// Numbers that the host knows, into device memory: weights of classes, taps of windows. They travel as arguments of
// launches, so that nobody waits for a copy.
#pragma once
#include "portable.h"

namespace cvl {

// How many numbers a launch carries.
enum { NUMBERS = 32 };

template <class R> struct NumbersCall {
    R at[NUMBERS];
    // Where they go, and how many of them.
    uint first, count;
};

template <class R> CVL_FN void numbers(CVL_DEVICE R *to, CVL_CALL(NumbersCall<R>) call, Place place) {
    for (uint i = place.first(); i < call.count; i += place.all()) {
        to[call.first + i] = call.at[i];
    }
}

} // namespace cvl
