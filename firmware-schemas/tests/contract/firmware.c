/* A sensor's firmware without its network: writes telemetry in JSON and in CBOR with the names of portolan.h.
 *
 * Output: the topic, the JSON payload, and the CBOR payload in hexadecimal, a line each.
 */
#include "portolan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- As much of CBOR as a sensor needs -------------------------------------------------------------- */

typedef struct {
    uint8_t bytes[256];
    size_t len;
} cbor;

static void cbor_byte(cbor *out, uint8_t byte) {
    if (out->len < sizeof out->bytes) {
        out->bytes[out->len] = byte;
    }
    out->len++; /* beyond the buffer only counted: the caller sees that it was too small */
}

/* The head of an item: its major type and its argument in the shortest form. */
static void cbor_head(cbor *out, unsigned major, uint64_t argument) {
    const unsigned width = argument < 24 ? 0 : argument <= 0xff ? 1 : argument <= 0xffff ? 2 : argument <= 0xffffffff ? 4 : 8;
    const unsigned info = width == 0 ? (unsigned)argument : width == 1 ? 24 : width == 2 ? 25 : width == 4 ? 26 : 27;
    unsigned at;
    cbor_byte(out, (uint8_t)(major << 5 | info));
    for (at = width; at > 0; at--) {
        cbor_byte(out, (uint8_t)(argument >> (8 * (at - 1))));
    }
}

static void cbor_int(cbor *out, int64_t value) {
    if (value >= 0) {
        cbor_head(out, 0, (uint64_t)value);
    } else {
        cbor_head(out, 1, (uint64_t)(-1 - value));
    }
}

static void cbor_text(cbor *out, const char *text) {
    const size_t len = strlen(text);
    size_t at;
    cbor_head(out, 3, len);
    for (at = 0; at < len; at++) {
        cbor_byte(out, (uint8_t)text[at]);
    }
}

static void cbor_array(cbor *out, uint64_t items) { cbor_head(out, 4, items); }

static void cbor_map(cbor *out, uint64_t members) { cbor_head(out, 5, members); }

static void cbor_float(cbor *out, float value) {
    uint32_t bits;
    unsigned at;
    memcpy(&bits, &value, sizeof bits);
    cbor_byte(out, 0xfa);
    for (at = 4; at > 0; at--) {
        cbor_byte(out, (uint8_t)(bits >> (8 * (at - 1))));
    }
}

/* ---- The frames ------------------------------------------------------------------------------------- */

static const char DEVICE[] = "cold-7";

static int write_topic(char *out, size_t size) {
    const int len = snprintf(out, size, PORTOLAN_TOPIC_TELEMETRY, "acme", "WH-01", DEVICE);
    return len > 0 && (size_t)len < size;
}

static int write_json(char *out, size_t size) {
    const int len = snprintf(
        out, size,
        "{\"" PORTOLAN_TELEMETRY_DEVICE "\":\"%s\",\"" PORTOLAN_TELEMETRY_BOOT "\":%" PRIu32
        ",\"" PORTOLAN_TELEMETRY_SEQ "\":%" PRIu32 ",\"" PORTOLAN_TELEMETRY_READINGS "\":["
        "{\"" PORTOLAN_READING_METRIC "\":\"temperature\",\"" PORTOLAN_READING_AT "\":\"%s\",\"" PORTOLAN_READING_VALUE
        "\":%.2f,\"" PORTOLAN_READING_QUALITY "\":\"" PORTOLAN_QUALITY_SUSPECT "\"},"
        "{\"" PORTOLAN_READING_METRIC "\":\"door.open\",\"" PORTOLAN_READING_AT "\":\"%s\",\"" PORTOLAN_READING_VALUE
        "\":%s}]}",
        DEVICE, (uint32_t)41, (uint32_t)7, "2026-11-22T06:40:00Z", 4.25, "2026-11-22T06:40:00Z", "false");
    return len > 0 && (size_t)len < size && len <= PORTOLAN_PAYLOAD_LEN_MAX;
}

static int write_cbor(cbor *out) {
    const int64_t at = portolan_nanos(INT64_C(1795329600), 0);
    out->len = 0;
    cbor_map(out, 4);
    cbor_text(out, PORTOLAN_TELEMETRY_DEVICE);
    cbor_text(out, DEVICE);
    cbor_text(out, PORTOLAN_TELEMETRY_BOOT);
    cbor_int(out, 41);
    cbor_text(out, PORTOLAN_TELEMETRY_SEQ);
    cbor_int(out, 7);
    cbor_text(out, PORTOLAN_TELEMETRY_READINGS);
    cbor_array(out, 2);

    cbor_map(out, 4);
    cbor_text(out, PORTOLAN_READING_METRIC);
    cbor_text(out, "temperature");
    cbor_text(out, PORTOLAN_READING_AT);
    cbor_int(out, at);
    cbor_text(out, PORTOLAN_READING_VALUE);
    cbor_float(out, 4.25F);
    cbor_text(out, PORTOLAN_READING_QUALITY);
    cbor_text(out, PORTOLAN_QUALITY_SUSPECT);

    cbor_map(out, 3);
    cbor_text(out, PORTOLAN_READING_METRIC);
    cbor_text(out, "door.open");
    cbor_text(out, PORTOLAN_READING_AT);
    cbor_int(out, at);
    cbor_text(out, PORTOLAN_READING_VALUE);
    cbor_byte(out, 0xf4); /* false */
    return out->len <= sizeof out->bytes;
}

int main(void) {
    char topic[PORTOLAN_TOPIC_LEN_MAX + 1];
    char json[512];
    cbor frame;
    size_t at;
    if (!portolan_id_is_valid(DEVICE) || portolan_id_is_valid("-x") || portolan_id_is_valid("a/b") ||
        portolan_id_is_valid("") || portolan_id_is_valid(NULL)) {
        return 2;
    }
    if (portolan_e7(-9.9661) != -99661000 || portolan_e7(53.5461) != 535461000) {
        return 3;
    }
    if (!write_topic(topic, sizeof topic) || !write_json(json, sizeof json) || !write_cbor(&frame)) {
        return 4;
    }
    printf("%s\n%s\n", topic, json);
    for (at = 0; at < frame.len; at++) {
        printf("%02x", (unsigned)frame.bytes[at]);
    }
    printf("\n");
    return 0;
}
