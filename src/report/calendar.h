/* The proleptic Gregorian calendar, UTC: bins and ticks of time. */
#ifndef AKIN_REPORT_CALENDAR_H
#define AKIN_REPORT_CALENDAR_H

#include <stddef.h>
#include <stdint.h>

enum calendar_unit {
    CALENDAR_HOUR,
    CALENDAR_DAY,
    CALENDAR_WEEK, /* from Monday */
    CALENDAR_MONTH,
    CALENDAR_YEAR
};

/* Instants are Unix seconds within the years 1..9999. */
#define CALENDAR_MIN (-62135596800)
#define CALENDAR_MAX 253402300799

/* Number of the unit that holds instant t, ascending with time; and its first instant. */
int64_t calendar_index(enum calendar_unit unit, int64_t t);
int64_t calendar_start(enum calendar_unit unit, int64_t index);
/* "2015", "2015-03", "2015-03-02", "2015-03-02 06:00"; out at least 20 bytes. */
void calendar_label(enum calendar_unit unit, int64_t t, char *out, size_t size);
const char *calendar_unit_name(enum calendar_unit unit); /* "hour" … "year" */

#endif
