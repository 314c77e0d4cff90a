/* The wire contract of Portolan, version 1, for firmware in C and C++.
 *
 * Made from the types of the crate firmware-schemas; a test compares. docs/contract.md explains.
 *
 * Payloads are JSON or CBOR, told apart by the first byte: a CBOR payload begins with a map or an array,
 * without a tag before it. Both carry the same members, with two differences:
 *
 *                JSON                                         CBOR
 *   Timestamp    "2026-11-22T06:40:00Z", or milliseconds      integer (int64), nanoseconds since 1970-01-01T00:00:00Z
 *   Position     {"lat": 53.5461, "lon": 9.9661} in degrees   [lat_e7, lon_e7], ten-millionths of a degree
 *
 * Members that are not required may be left out or null. Unknown members are ignored. A number is never
 * read from a text. Map keys are texts.
 */
#ifndef PORTOLAN_H
#define PORTOLAN_H

#include <stddef.h>
#include <stdint.h>

#define PORTOLAN_VERSION 1

/* ---- Topics -------------------------------------------------------------------------------------------- */

/* PREFIX/TENANT/SITE/DEVICE/CHANNEL. Tenant, site and device are identifiers; the format strings take them in this order. */
#define PORTOLAN_PREFIX "portolan/v1"
#define PORTOLAN_TOPIC_FORMAT "portolan/v1/%s/%s/%s/%s" /* tenant, site, device, channel */
#define PORTOLAN_TOPIC_LEN_MAX 216 /* bytes, without the end mark */
#define PORTOLAN_QOS 1 /* of every channel; 0 is taken too, and not acknowledged */

/* birth: device -> Portolan, retained */
#define PORTOLAN_CHANNEL_BIRTH "birth"
#define PORTOLAN_TOPIC_BIRTH "portolan/v1/%s/%s/%s/birth" /* tenant, site, device */
#define PORTOLAN_RETAIN_BIRTH 1

/* telemetry: device -> Portolan */
#define PORTOLAN_CHANNEL_TELEMETRY "telemetry"
#define PORTOLAN_TOPIC_TELEMETRY "portolan/v1/%s/%s/%s/telemetry" /* tenant, site, device */
#define PORTOLAN_RETAIN_TELEMETRY 0

/* event: device -> Portolan */
#define PORTOLAN_CHANNEL_EVENT "event"
#define PORTOLAN_TOPIC_EVENT "portolan/v1/%s/%s/%s/event" /* tenant, site, device */
#define PORTOLAN_RETAIN_EVENT 0

/* position: device -> Portolan */
#define PORTOLAN_CHANNEL_POSITION "position"
#define PORTOLAN_TOPIC_POSITION "portolan/v1/%s/%s/%s/position" /* tenant, site, device */
#define PORTOLAN_RETAIN_POSITION 0

/* status: device -> Portolan, retained */
#define PORTOLAN_CHANNEL_STATUS "status"
#define PORTOLAN_TOPIC_STATUS "portolan/v1/%s/%s/%s/status" /* tenant, site, device */
#define PORTOLAN_RETAIN_STATUS 1

/* reported: device -> Portolan, retained */
#define PORTOLAN_CHANNEL_REPORTED "reported"
#define PORTOLAN_TOPIC_REPORTED "portolan/v1/%s/%s/%s/reported" /* tenant, site, device */
#define PORTOLAN_RETAIN_REPORTED 1

/* ack: device -> Portolan */
#define PORTOLAN_CHANNEL_ACK "ack"
#define PORTOLAN_TOPIC_ACK "portolan/v1/%s/%s/%s/ack" /* tenant, site, device */
#define PORTOLAN_RETAIN_ACK 0

/* desired: Portolan -> device, retained */
#define PORTOLAN_CHANNEL_DESIRED "desired"
#define PORTOLAN_TOPIC_DESIRED "portolan/v1/%s/%s/%s/desired" /* tenant, site, device */
#define PORTOLAN_RETAIN_DESIRED 1

/* command: Portolan -> device */
#define PORTOLAN_CHANNEL_COMMAND "command"
#define PORTOLAN_TOPIC_COMMAND "portolan/v1/%s/%s/%s/command" /* tenant, site, device */
#define PORTOLAN_RETAIN_COMMAND 0

/* ---- Limits -------------------------------------------------------------------------------------------- */

#define PORTOLAN_ID_LEN_MAX 64 /* bytes of an identifier: [A-Za-z0-9][A-Za-z0-9._~:-]* */
#define PORTOLAN_PAYLOAD_LEN_MAX 1048576 /* bytes of a payload */
#define PORTOLAN_DEPTH_MAX 32 /* arrays and objects within one another */
#define PORTOLAN_FRAMES_MAX 500 /* telemetry frames in an array */
#define PORTOLAN_READINGS_MAX 1000 /* readings in a telemetry frame */
#define PORTOLAN_EVENTS_MAX 1000 /* events in an event frame */
#define PORTOLAN_METRICS_MAX 1000 /* metrics in a birth, settings in a report */
#define PORTOLAN_SHIPMENT_LINES_MAX 10000 /* lines of a shipment */
#define PORTOLAN_TEXT_LEN_MAX 1024 /* bytes of a text value or free text */
#define PORTOLAN_INTEGER_MAX INT64_C(9007199254740992) /* largest magnitude of an integer value */
#define PORTOLAN_PIECES_MAX INT64_C(1000000000000) /* largest number of pieces in an event */

/* ---- Members and choices ------------------------------------------------------------------------------- */

/* AckFrame: The answer to a command. */
#define PORTOLAN_ACK_AT "at" /* optional, Timestamp. When, by the device's clock. */
#define PORTOLAN_ACK_COMMAND "command" /* required, CommandId. The command that it answers. */
#define PORTOLAN_ACK_DEVICE "device" /* required, DeviceId. The sender; the same as in the topic. */
#define PORTOLAN_ACK_OUTCOME "outcome" /* required, Outcome. How. */
#define PORTOLAN_ACK_REASON "reason" /* optional, string. Why, free text. */

/* Action: What a device can be asked to do. */
#define PORTOLAN_ACTION_GO_TO "go_to" /* object. A vehicle drives to a site. */
#define PORTOLAN_ACTION_GO_TO_LANE "lane" /* optional, LaneId. Along which lane; the shortest way when absent. */
#define PORTOLAN_ACTION_GO_TO_SITE "site" /* required, SiteId. Where to. */
#define PORTOLAN_ACTION_CARRY "carry" /* object. A vehicle fetches shipments where they wait, and goes to a site with them. Those that are for that site are handed
over there; the others stay on board. */
#define PORTOLAN_ACTION_CARRY_LANE "lane" /* optional, LaneId. Along which lane. */
#define PORTOLAN_ACTION_CARRY_SHIPMENTS "shipments" /* required, array of ShipmentId. What to load. */
#define PORTOLAN_ACTION_CARRY_TO "to" /* required, SiteId. Where to. */
#define PORTOLAN_ACTION_HOLD "hold" /* object. A vehicle stops where it can and waits. */
#define PORTOLAN_ACTION_HOLD_UNTIL "until" /* optional, Timestamp. Until when; for ever when absent. */
#define PORTOLAN_ACTION_REPORT_EVERY "report_every" /* object. A device reports every so many seconds. */
#define PORTOLAN_ACTION_REPORT_EVERY_INTERVAL_SECS "interval_secs" /* required, uint32. At least 1. */
#define PORTOLAN_ACTION_REBIRTH "rebirth" /* object. A device sends its birth again. */
#define PORTOLAN_ACTION_DELIVER "deliver" /* object. A site sends goods to another. The answer says whether it will; shipments name the order. */
#define PORTOLAN_ACTION_DELIVER_DUE_AT "due_at" /* required, Timestamp. When they should be there. */
#define PORTOLAN_ACTION_DELIVER_LINES "lines" /* required, array of GoodsLine. What. */
#define PORTOLAN_ACTION_DELIVER_ORDER "order" /* required, OrderId. The purchase or transfer order. */
#define PORTOLAN_ACTION_DELIVER_TO "to" /* required, SiteId. Where to. */

/* BirthFrame: What a device is and measures. Retained. */
#define PORTOLAN_BIRTH_AT "at" /* optional, Timestamp. When it started, by its clock. */
#define PORTOLAN_BIRTH_BOOT "boot" /* optional, uint64. Which start of the device: grows with each. */
#define PORTOLAN_BIRTH_DEVICE "device" /* required, DeviceId. The sender; the same as in the topic. */
#define PORTOLAN_BIRTH_FIRMWARE "firmware" /* optional, string. Make and firmware version, free text. */
#define PORTOLAN_BIRTH_INTERVAL_SECS "interval_secs" /* optional, uint32. How often it means to report, in seconds; silence beyond is noticed. */
#define PORTOLAN_BIRTH_METRICS "metrics" /* optional, array of MetricDeclaration. What it measures. */
#define PORTOLAN_BIRTH_VEHICLE "vehicle" /* optional, VehicleId. The vehicle that carries it, if one does. */

/* CommandFrame: Do this, once: the id is the idempotency key. */
#define PORTOLAN_COMMAND_ACTION "action" /* required, Action. What to do: an object with one member named after the kind. */
#define PORTOLAN_COMMAND_COMMAND "command" /* required, CommandId. Its id, echoed in the answer. */
#define PORTOLAN_COMMAND_EXPIRES_AT "expires_at" /* optional, Timestamp. After this it must not be begun. */
#define PORTOLAN_COMMAND_ISSUED_AT "issued_at" /* required, Timestamp. When it was given. */

/* DesiredFrame: The settings that should be in force on a device. Retained. */
#define PORTOLAN_DESIRED_AT "at" /* required, Timestamp. When it was decided. */
#define PORTOLAN_DESIRED_SETTINGS "settings" /* required, object. Setting -> value. */

/* EventFrame: Events of one device, taken whole or not at all, each once: boot and seq are required. */
#define PORTOLAN_EVENT_BOOT "boot" /* required, uint64. Which start of the device: grows with each. */
#define PORTOLAN_EVENT_DEVICE "device" /* required, DeviceId. The sender; the same as in the topic. */
#define PORTOLAN_EVENT_EVENTS "events" /* required, array of EventRecord. 1 to EVENTS_MAX events, applied in this order. */
#define PORTOLAN_EVENT_SENT_AT "sent_at" /* optional, Timestamp. When it was sent, by the device's clock. */
#define PORTOLAN_EVENT_SEQ "seq" /* required, uint64. Number of the frame since that start, over all channels. */

/* EventRecord: One thing that happened at a site. */
#define PORTOLAN_EVENT_RECORD_AT "at" /* required, Timestamp. When. */
#define PORTOLAN_EVENT_RECORD_HAPPENING "happening" /* required, Happening. What: an object with one member named after the kind. */
#define PORTOLAN_EVENT_RECORD_SITE "site" /* optional, SiteId. Where; the topic's site when absent. */

/* GoodsLine: One line of goods. */
#define PORTOLAN_GOODS_LINE_PIECES "pieces" /* required, Pieces. How much, at least 1. */
#define PORTOLAN_GOODS_LINE_SKU "sku" /* required, SkuId. What. */

/* Happening: What happened to stock or a shipment. */
#define PORTOLAN_HAPPENING_STOCK_COUNTED "stock_counted" /* object. The stock was counted: on hand is now this. */
#define PORTOLAN_HAPPENING_STOCK_COUNTED_ON_HAND "on_hand" /* required, Pieces. What is there, at least 0. */
#define PORTOLAN_HAPPENING_STOCK_COUNTED_SKU "sku" /* required, SkuId. Which SKU. */
#define PORTOLAN_HAPPENING_STOCK_RECEIVED "stock_received" /* object. Goods came in from outside any known shipment. */
#define PORTOLAN_HAPPENING_STOCK_RECEIVED_ORDER "order" /* optional, OrderId. The purchase or transfer order that it fills; on_order falls by as much. */
#define PORTOLAN_HAPPENING_STOCK_RECEIVED_PIECES "pieces" /* required, Pieces. How much, at least 1. */
#define PORTOLAN_HAPPENING_STOCK_RECEIVED_SKU "sku" /* required, SkuId. Which SKU. */
#define PORTOLAN_HAPPENING_STOCK_ISSUED "stock_issued" /* object. Goods left for a customer. */
#define PORTOLAN_HAPPENING_STOCK_ISSUED_CUSTOMER "customer" /* optional, SiteId. Who got it. */
#define PORTOLAN_HAPPENING_STOCK_ISSUED_ORDER "order" /* optional, OrderId. The customer's order; what was reserved for it falls by as much. */
#define PORTOLAN_HAPPENING_STOCK_ISSUED_PIECES "pieces" /* required, Pieces. How much, at least 1. */
#define PORTOLAN_HAPPENING_STOCK_ISSUED_SKU "sku" /* required, SkuId. Which SKU. */
#define PORTOLAN_HAPPENING_STOCK_RETURNED "stock_returned" /* object. A customer sent goods back. */
#define PORTOLAN_HAPPENING_STOCK_RETURNED_CUSTOMER "customer" /* optional, SiteId. Who sent it. */
#define PORTOLAN_HAPPENING_STOCK_RETURNED_PIECES "pieces" /* required, Pieces. How much, at least 1. */
#define PORTOLAN_HAPPENING_STOCK_RETURNED_SKU "sku" /* required, SkuId. Which SKU. */
#define PORTOLAN_HAPPENING_STOCK_ADJUSTED "stock_adjusted" /* object. The books were corrected by this much, up or down. */
#define PORTOLAN_HAPPENING_STOCK_ADJUSTED_PIECES "pieces" /* required, Pieces. By how much, not 0. */
#define PORTOLAN_HAPPENING_STOCK_ADJUSTED_REASON "reason" /* optional, string. Why, free text. */
#define PORTOLAN_HAPPENING_STOCK_ADJUSTED_SKU "sku" /* required, SkuId. Which SKU. */
#define PORTOLAN_HAPPENING_STOCK_RESERVED "stock_reserved" /* object. Goods on hand were promised to an order. */
#define PORTOLAN_HAPPENING_STOCK_RESERVED_ORDER "order" /* required, OrderId. For whom. */
#define PORTOLAN_HAPPENING_STOCK_RESERVED_PIECES "pieces" /* required, Pieces. How much, at least 1. */
#define PORTOLAN_HAPPENING_STOCK_RESERVED_SKU "sku" /* required, SkuId. Which SKU. */
#define PORTOLAN_HAPPENING_RESERVATION_RELEASED "reservation_released" /* object. A promise was taken back. */
#define PORTOLAN_HAPPENING_RESERVATION_RELEASED_ORDER "order" /* required, OrderId. Whose. */
#define PORTOLAN_HAPPENING_RESERVATION_RELEASED_PIECES "pieces" /* required, Pieces. How much, at least 1. */
#define PORTOLAN_HAPPENING_RESERVATION_RELEASED_SKU "sku" /* required, SkuId. Which SKU. */
#define PORTOLAN_HAPPENING_STOCK_ORDERED "stock_ordered" /* object. More was ordered for this site: on_order grows. */
#define PORTOLAN_HAPPENING_STOCK_ORDERED_DUE_AT "due_at" /* optional, Timestamp. When it should be here. */
#define PORTOLAN_HAPPENING_STOCK_ORDERED_ORDER "order" /* required, OrderId. The purchase or transfer order. */
#define PORTOLAN_HAPPENING_STOCK_ORDERED_PIECES "pieces" /* required, Pieces. How much, at least 1. */
#define PORTOLAN_HAPPENING_STOCK_ORDERED_SKU "sku" /* required, SkuId. Which SKU. */
#define PORTOLAN_HAPPENING_STOCK_ORDERED_SOURCE "source" /* optional, SiteId. From where. */
#define PORTOLAN_HAPPENING_ORDER_CANCELLED "order_cancelled" /* object. An order for this site was cancelled in part or whole: on_order falls. */
#define PORTOLAN_HAPPENING_ORDER_CANCELLED_ORDER "order" /* required, OrderId. The purchase or transfer order. */
#define PORTOLAN_HAPPENING_ORDER_CANCELLED_PIECES "pieces" /* required, Pieces. How much, at least 1. */
#define PORTOLAN_HAPPENING_ORDER_CANCELLED_SKU "sku" /* required, SkuId. Which SKU. */
#define PORTOLAN_HAPPENING_SHIPMENT_DISPATCHED "shipment_dispatched" /* object. Goods left this site for another: on hand falls here; there on_order falls and in_transit grows. */
#define PORTOLAN_HAPPENING_SHIPMENT_DISPATCHED_DUE_AT "due_at" /* optional, Timestamp. When it should arrive. */
#define PORTOLAN_HAPPENING_SHIPMENT_DISPATCHED_LANE "lane" /* optional, LaneId. Along which lane. */
#define PORTOLAN_HAPPENING_SHIPMENT_DISPATCHED_LINES "lines" /* required, array of GoodsLine. What is in it, 1 to SHIPMENT_LINES_MAX lines. */
#define PORTOLAN_HAPPENING_SHIPMENT_DISPATCHED_ORDER "order" /* optional, OrderId. The order that it fills. */
#define PORTOLAN_HAPPENING_SHIPMENT_DISPATCHED_SHIPMENT "shipment" /* required, ShipmentId. Its id, new. */
#define PORTOLAN_HAPPENING_SHIPMENT_DISPATCHED_TO "to" /* required, SiteId. Where it goes. */
#define PORTOLAN_HAPPENING_SHIPMENT_DISPATCHED_VEHICLE "vehicle" /* optional, VehicleId. In which vehicle. */
#define PORTOLAN_HAPPENING_SHIPMENT_ARRIVED "shipment_arrived" /* object. A shipment came in at this site: in_transit falls by what was sent, on hand grows by what came. */
#define PORTOLAN_HAPPENING_SHIPMENT_ARRIVED_LINES "lines" /* optional, array of GoodsLine. What came, when it is not all that was sent. */
#define PORTOLAN_HAPPENING_SHIPMENT_ARRIVED_SHIPMENT "shipment" /* required, ShipmentId. Which. */

/* MetricDeclaration: What one metric of a device is. */
#define PORTOLAN_METRIC_DECLARATION_KIND "kind" /* required, MetricKind. Its kind of values. */
#define PORTOLAN_METRIC_DECLARATION_MAX "max" /* optional, number. A value above is suspect. */
#define PORTOLAN_METRIC_DECLARATION_MIN "min" /* optional, number. A value below is suspect. */
#define PORTOLAN_METRIC_DECLARATION_NAME "name" /* required, MetricName. Its name, unique within the device. */
#define PORTOLAN_METRIC_DECLARATION_UNIT "unit" /* required, string. Its unit as a UCUM code: Cel, %, km/h, V, 1 for none. */

/* MetricKind: The type of a metric's values, fixed at its birth. */
#define PORTOLAN_METRIC_KIND_FLOAT "float" /* A 64-bit float. */
#define PORTOLAN_METRIC_KIND_INTEGER "integer" /* A whole number within +-2^53. */
#define PORTOLAN_METRIC_KIND_BOOLEAN "boolean" /* True or false. */
#define PORTOLAN_METRIC_KIND_TEXT "text" /* A short text. */

/* Outcome: How a device answered a command. */
#define PORTOLAN_OUTCOME_ACCEPTED "accepted" /* Understood, will be done. */
#define PORTOLAN_OUTCOME_DONE "done" /* Done. */
#define PORTOLAN_OUTCOME_REJECTED "rejected" /* Will not be done. */

/* Position: A place on the earth, WGS 84, in degrees. */
#define PORTOLAN_POSITION_LAT "lat" /* required, number. Degrees north. */
#define PORTOLAN_POSITION_LON "lon" /* required, number. Degrees east. */

/* PositionFrame: Where a vehicle is. */
#define PORTOLAN_POSITION_AT "at" /* required, Timestamp. When the fix was taken. */
#define PORTOLAN_POSITION_BOOT "boot" /* optional, uint64. Which start of the device: grows with each. */
#define PORTOLAN_POSITION_DEVICE "device" /* required, DeviceId. The sender; the same as in the topic. */
#define PORTOLAN_POSITION_HEADING_CDEG "heading_cdeg" /* optional, uint16. Direction of travel, in hundredths of a degree clockwise from north, below 36,000. */
#define PORTOLAN_POSITION_LANE "lane" /* optional, LaneId. The lane that it follows, when it knows. */
#define PORTOLAN_POSITION_POSITION "position" /* required, Position. Where. */
#define PORTOLAN_POSITION_SEQ "seq" /* optional, uint64. Number of the frame since that start. */
#define PORTOLAN_POSITION_SITE "site" /* optional, SiteId. The site where it stands, when it stands at one. */
#define PORTOLAN_POSITION_SPEED_MM_PER_S "speed_mm_per_s" /* optional, uint32. Speed over ground, in millimetres per second. */
#define PORTOLAN_POSITION_VEHICLE "vehicle" /* optional, VehicleId. The vehicle; the one that carries the device when absent. */

/* Quality: How far a reading can be trusted. */
#define PORTOLAN_QUALITY_GOOD "good" /* As measured. */
#define PORTOLAN_QUALITY_SUSPECT "suspect" /* Outside its declared limits, or doubted by the sender. */
#define PORTOLAN_QUALITY_BAD "bad" /* The sender says that it is wrong. */

/* Reading: One measurement. */
#define PORTOLAN_READING_AT "at" /* required, Timestamp. When, by the device's clock. */
#define PORTOLAN_READING_METRIC "metric" /* required, MetricName. What was measured. */
#define PORTOLAN_READING_QUALITY "quality" /* optional, Quality. How far it can be trusted; good unless said otherwise. */
#define PORTOLAN_READING_VALUE "value" /* required, Value. What it was, in the unit that the birth declares. */

/* ReportedFrame: The settings in force on a device. Retained. */
#define PORTOLAN_REPORTED_AT "at" /* optional, Timestamp. When, by the device's clock. */
#define PORTOLAN_REPORTED_DEVICE "device" /* required, DeviceId. The sender; the same as in the topic. */
#define PORTOLAN_REPORTED_SETTINGS "settings" /* required, object. Setting -> value. */

/* StatusFrame: Online or not. Retained, and given to the broker as the last will (the device's death). */
#define PORTOLAN_STATUS_AT "at" /* optional, Timestamp. When, by the device's clock; absent in a last will. */
#define PORTOLAN_STATUS_BOOT "boot" /* optional, uint64. Which start of the device this speaks of; an older one's death is ignored. */
#define PORTOLAN_STATUS_DEVICE "device" /* required, DeviceId. The sender; the same as in the topic. */
#define PORTOLAN_STATUS_ONLINE "online" /* required, boolean. False in the last will. */
#define PORTOLAN_STATUS_REASON "reason" /* optional, string. Why, free text. */

/* TelemetryFrame: Readings of one device, taken whole or not at all.

(device, boot, seq) is the frame's identity where both are given; else each reading's is
(device, metric, at). The same again is one reading. */
#define PORTOLAN_TELEMETRY_BOOT "boot" /* optional, uint64. Which start of the device: grows with each. */
#define PORTOLAN_TELEMETRY_DEVICE "device" /* required, DeviceId. The sender; the same as in the topic. */
#define PORTOLAN_TELEMETRY_READINGS "readings" /* required, array of Reading. 1 to READINGS_MAX readings. */
#define PORTOLAN_TELEMETRY_SENT_AT "sent_at" /* optional, Timestamp. When it was sent, by the device's clock. */
#define PORTOLAN_TELEMETRY_SEQ "seq" /* optional, uint64. Number of the frame since that start, over all channels: 0, 1, 2, ... */

/* ---- Helpers ----------------------------------------------------------------------------------------- */

/* 1 if `text` is an identifier (1 to PORTOLAN_ID_LEN_MAX bytes, [A-Za-z0-9][A-Za-z0-9._~:-]*), else 0. */
static inline int portolan_id_is_valid(const char *text) {
    size_t len = 0;
    if (text == NULL) {
        return 0;
    }
    for (; text[len] != '\0'; len++) {
        const char c = text[len];
        const int alphanumeric = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        const int other = c == '.' || c == '_' || c == '~' || c == ':' || c == '-';
        if (len >= PORTOLAN_ID_LEN_MAX || !(alphanumeric || (other && len > 0))) {
            return 0;
        }
    }
    return len > 0;
}

/* A time in CBOR. */
static inline int64_t portolan_nanos(int64_t unix_secs, int32_t nanos) {
    return unix_secs * INT64_C(1000000000) + nanos;
}

/* A latitude or longitude in CBOR, from degrees. */
static inline int32_t portolan_e7(double degrees) {
    return (int32_t)(degrees * 1e7 + (degrees < 0.0 ? -0.5 : 0.5));
}

#endif /* PORTOLAN_H */
