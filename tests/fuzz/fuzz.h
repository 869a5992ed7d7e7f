/* fuzz.h - one entry point, two uses: libFuzzer finds inputs (make fuzz), replay.c gives those
 * that are kept to the same code in every make check.
 *
 * A target asserts what must hold for any input; that it does not crash is the least. */
#ifndef EVALD_FUZZ_H
#define EVALD_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
