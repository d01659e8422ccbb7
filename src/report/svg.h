/*
 * Plots as SVG inside the page: axes with round ticks and titles, marks with tooltips that need no
 * script. Colours are CSS classes c1 … c8 of the page (safe for colour-blind readers).
 */
#ifndef AKIN_REPORT_SVG_H
#define AKIN_REPORT_SVG_H

#include "core/buf.h"

enum svg_scale {
    SVG_LINEAR,
    SVG_LOG,  /* lo > 0 */
    SVG_TIME, /* Unix seconds */
    SVG_NAMES /* 0 .. hi - 1: positions without ticks, the plot writes their names */
};
enum svg_unit { SVG_NUMBER, SVG_WHOLE, SVG_PERCENT };

struct svg_axis {
    enum svg_scale scale;
    enum svg_unit unit;
    double lo, hi; /* svg_open rounds them out to ticks where `nice` */
    bool nice;
    const char *title; /* with its unit; NULL = none */
};

struct svg {
    struct buf *b;
    double width, height;            /* of the whole; 0 = the default */
    double left, right, top, bottom; /* margins; 0 = the default */
    struct svg_axis x, y;
};

/* Draws frame, grid, ticks and axis titles. label: what a screen reader says. */
void svg_open(struct svg *s, const char *label);
void svg_close(struct svg *s);
double svg_x(const struct svg *s, double x); /* data to plot units */
double svg_y(const struct svg *s, double y);

/* Each mark stays open for the words of its tooltip: mark, html_say(…), svg_end. */
void svg_bar(struct svg *s, double x0, double x1, double y, const char *cls);
void svg_dot(struct svg *s, double x, double y, double radius, const char *cls);
void svg_rule(struct svg *s, double x0, double y0, double x1, double y1, const char *cls);
void svg_end(struct svg *s, const char *element); /* "rect", "circle", "line" */

/* A line or, if closed, an area: begin, points in order, end. */
void svg_path_begin(struct svg *s, const char *cls);
void svg_path_to(struct svg *s, double x, double y);
void svg_path_end(struct svg *s, bool closed);

/* Words in the plot at plot units: begin, html_say(…), end. anchor: "start", "middle", "end". */
void svg_words(struct svg *s, double px, double py, const char *anchor, const char *cls);
void svg_words_end(struct svg *s);

#endif
