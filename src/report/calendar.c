/*
 * Calendar arithmetic without tables and without the C library's time zone. A year counts from
 * March, so that the leap day is its last; 400 years are 146,097 days. Cost: constant.
 */
#include "report/calendar.h"

#include <stdio.h>

enum { DAY = 86400, HOUR = 3600, ERA_DAYS = 146097 };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Months since January of year 0, and the day of the month from 0, of a day since 1970-01-01. */
static int64_t months_of_day(int64_t day, int64_t *in_month)
{
    int64_t z = day + 719468; /* days since 0000-03-01 */
    int64_t era = floor_div(z, ERA_DAYS);
    int64_t d = z - era * ERA_DAYS;
    int64_t year = (d - d / 1460 + d / 36524 - d / 146096) / 365;
    int64_t in_year = d - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * in_year + 2) / 153; /* from March */
    *in_month = in_year - (153 * month + 2) / 5;
    return (era * 400 + year) * 12 + month + 2;
}

/* The first day of a month. */
static int64_t day_of_month(int64_t months)
{
    int64_t from_march = months - 2;
    int64_t year = floor_div(from_march, 12), month = from_march - year * 12;
    int64_t era = floor_div(year, 400), y = year - era * 400;
    return era * ERA_DAYS + y * 365 + y / 4 - y / 100 + (153 * month + 2) / 5 - 719468;
}

int64_t calendar_index(enum calendar_unit unit, int64_t t)
{
    int64_t day = floor_div(t, DAY), rest;
    switch (unit) {
    case CALENDAR_HOUR:
        return floor_div(t, HOUR);
    case CALENDAR_DAY:
        return day;
    case CALENDAR_WEEK:
        return floor_div(day + 3, 7); /* 1970-01-01 was a Thursday */
    case CALENDAR_MONTH:
        return months_of_day(day, &rest);
    case CALENDAR_YEAR:
        break;
    }
    return floor_div(months_of_day(day, &rest), 12);
}

int64_t calendar_start(enum calendar_unit unit, int64_t index)
{
    switch (unit) {
    case CALENDAR_HOUR:
        return index * HOUR;
    case CALENDAR_DAY:
        return index * DAY;
    case CALENDAR_WEEK:
        return (index * 7 - 3) * DAY;
    case CALENDAR_MONTH:
        return day_of_month(index) * DAY;
    case CALENDAR_YEAR:
        break;
    }
    return day_of_month(index * 12) * DAY;
}

void calendar_label(enum calendar_unit unit, int64_t t, char *out, size_t size)
{
    int64_t rest;
    int64_t day = floor_div(t, DAY);
    int64_t months = months_of_day(day, &rest);
    int year = (int)floor_div(months, 12);
    int month = (int)(months - (int64_t)year * 12) + 1;
    int hour = (int)((t - day * DAY) / HOUR);
    if (unit == CALENDAR_YEAR)
        snprintf(out, size, "%04d", year);
    else if (unit == CALENDAR_MONTH)
        snprintf(out, size, "%04d-%02d", year, month);
    else if (unit == CALENDAR_HOUR)
        snprintf(out, size, "%04d-%02d-%02d %02d:00", year, month, (int)rest + 1, hour);
    else
        snprintf(out, size, "%04d-%02d-%02d", year, month, (int)rest + 1);
}

const char *calendar_unit_name(enum calendar_unit unit)
{
    static const char *const names[] = {"hour", "day", "week", "month", "year"};
    return names[unit];
}
