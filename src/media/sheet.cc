#include "media/sheet.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <new>
#include <numbers>
#include <utility>
#include <vector>

#include "media/lightness.h"

namespace glmocr {
namespace {

// The picture in squares of some pixels: enough to see a sheet, few enough to be quick.
struct Small {
  int width = 0, height = 0;
  int cell = 1;                // pixels a side
  std::vector<uint8_t> mean;   // luminance
  std::vector<uint8_t> range;  // lightest minus darkest pixel: writing, texture, edges
  size_t at(int x, int y) const { return static_cast<size_t>(y) * width + x; }
};

constexpr int kCells = 480;  // along the longer side

Small Shrink(const Image& picture) {
  Small out;
  out.cell = std::max(1, std::max(picture.width_px, picture.height_px) / kCells);
  out.width = picture.width_px / out.cell;
  out.height = picture.height_px / out.cell;
  const size_t n = static_cast<size_t>(out.width) * out.height;
  out.mean.resize(n);
  out.range.resize(n);
  std::vector<uint32_t> sum(static_cast<size_t>(out.width));
  std::vector<uint8_t> least(sum.size()), most(sum.size());
  for (int row = 0; row < out.height; ++row) {
    std::fill(sum.begin(), sum.end(), 0);
    std::fill(least.begin(), least.end(), 255);
    std::fill(most.begin(), most.end(), 0);
    for (int dy = 0; dy < out.cell; ++dy) {
      const uint8_t* rgb = picture.row(row * out.cell + dy);
      for (size_t column = 0; column < sum.size(); ++column) {
        uint32_t s = 0;
        uint8_t lo = least[column], hi = most[column];
        for (int dx = 0; dx < out.cell; ++dx, rgb += 3) {
          const uint8_t v = Lightness(rgb);
          s += v;
          lo = std::min(lo, v);
          hi = std::max(hi, v);
        }
        sum[column] += s;
        least[column] = lo;
        most[column] = hi;
      }
    }
    for (size_t column = 0; column < sum.size(); ++column) {
      const size_t i = out.at(static_cast<int>(column), row);
      out.mean[i] = static_cast<uint8_t>(sum[column] / static_cast<uint32_t>(out.cell * out.cell));
      out.range[i] = static_cast<uint8_t>(most[column] - least[column]);
    }
  }
  return out;
}

// Each value the most (or least) of those up to `reach` away, along rows and columns.
std::vector<uint8_t> Extreme(const std::vector<uint8_t>& in, int width, int reach, bool most) {
  const int height = static_cast<int>(in.size()) / width;
  std::vector<uint8_t> rows(in.size()), out(in.size());
  const auto better = [&](uint8_t a, uint8_t b) { return most ? std::max(a, b) : std::min(a, b); };
  for (int y = 0; y < height; ++y) {
    const uint8_t* from = in.data() + static_cast<size_t>(y) * width;
    uint8_t* to = rows.data() + static_cast<size_t>(y) * width;
    for (int x = 0; x < width; ++x) {
      uint8_t v = from[x];
      for (int u = std::max(0, x - reach); u <= std::min(width - 1, x + reach); ++u)
        v = better(v, from[u]);
      to[x] = v;
    }
  }
  for (int y = 0; y < height; ++y) {
    uint8_t* to = out.data() + static_cast<size_t>(y) * width;
    std::copy_n(rows.data() + static_cast<size_t>(y) * width, width, to);
    for (int v = std::max(0, y - reach); v <= std::min(height - 1, y + reach); ++v) {
      const uint8_t* from = rows.data() + static_cast<size_t>(v) * width;
      for (int x = 0; x < width; ++x) to[x] = better(to[x], from[x]);
    }
  }
  return out;
}

// Takes letters and rules off the paper; a sheet's edges stay where they are. The picture goes on
// beyond its edges as it ends there, so that a narrow frame is not taken for writing.
std::vector<uint8_t> WithoutWriting(const Small& small) {
  constexpr int kReach = 3, kGrain = 2, kPad = 2 * (kReach + kGrain);
  const int width = small.width + 2 * kPad, height = small.height + 2 * kPad;
  std::vector<uint8_t> padded(static_cast<size_t>(width) * height);
  for (int y = 0; y < height; ++y) {
    const int v = std::clamp(y - kPad, 0, small.height - 1);
    for (int x = 0; x < width; ++x)
      padded[static_cast<size_t>(y) * width + x] =
          small.mean[small.at(std::clamp(x - kPad, 0, small.width - 1), v)];
  }
  padded = Extreme(Extreme(padded, width, kReach, true), width, kReach, false);
  // Light grains of a dark frame would bulge the sheet's hull.
  padded = Extreme(Extreme(padded, width, kGrain, false), width, kGrain, true);
  std::vector<uint8_t> out(small.mean.size());
  for (int y = 0; y < small.height; ++y) {
    std::copy_n(padded.data() + static_cast<size_t>(y + kPad) * width + kPad, small.width,
                out.data() + small.at(0, y));
  }
  return out;
}

double Cross(const PointF& a, const PointF& b, const PointF& c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

// Clockwise on the screen.
std::vector<PointF> Hull(std::vector<PointF> points) {
  std::sort(points.begin(), points.end(), [](const PointF& a, const PointF& b) {
    return a.x < b.x || (a.x == b.x && a.y < b.y);
  });
  std::vector<PointF> hull;
  for (int pass = 0; pass < 2; ++pass) {
    const size_t base = hull.size();
    for (const PointF& p : points) {
      while (hull.size() >= base + 2 && Cross(hull[hull.size() - 2], hull.back(), p) <= 0)
        hull.pop_back();
      hull.push_back(p);
    }
    hull.pop_back();
    std::reverse(points.begin(), points.end());
  }
  return hull;
}

double Area(const std::vector<PointF>& polygon) {
  double twice = 0;
  for (size_t i = 0; i < polygon.size(); ++i) {
    const PointF& a = polygon[i];
    const PointF& b = polygon[(i + 1) % polygon.size()];
    twice += a.x * b.y - b.x * a.y;
  }
  return std::fabs(twice) / 2;
}

// The columns of each row within the convex polygon, moved in by `inset`.
struct Span {
  double from = 0, to = -1;
};
std::vector<Span> Spans(const std::vector<PointF>& polygon, int height, double inset) {
  std::vector<Span> out(static_cast<size_t>(height));
  PointF middle;
  for (const PointF& p : polygon) {
    middle.x += p.x / static_cast<double>(polygon.size());
    middle.y += p.y / static_cast<double>(polygon.size());
  }
  for (int y = 0; y < height; ++y) {
    double from = -1e9, to = 1e9;
    for (size_t i = 0; i < polygon.size(); ++i) {
      PointF a = polygon[i], b = polygon[(i + 1) % polygon.size()];
      const double dx = b.x - a.x, dy = b.y - a.y, length = std::hypot(dx, dy);
      if (length < 1e-9) continue;
      // Towards the inside.
      double nx = -dy / length, ny = dx / length;
      if ((middle.x - a.x) * nx + (middle.y - a.y) * ny < 0) nx = -nx, ny = -ny;
      // nx * (x - a.x) + ny * (y + 0.5 - a.y) >= inset
      const double rest = inset - ny * (y + 0.5 - a.y);
      if (std::fabs(nx) < 1e-9) {
        if (rest > 0) to = -1e9;
      } else if (nx > 0) {
        from = std::max(from, a.x + rest / nx);
      } else {
        to = std::min(to, a.x + rest / nx);
      }
    }
    out[static_cast<size_t>(y)] = {from, to};
  }
  return out;
}

struct Candidate {
  std::vector<PointF> hull;  // in squares
  double area = 0;           // of the hull, as a share of the picture
  double fill = 0;           // of the hull, by what is light (holes count as filled)
};

// The hull of the largest light area.
Candidate At(const Small& small, const std::vector<uint8_t>& closed, int threshold) {
  const int w = small.width, h = small.height;
  std::vector<int> label(closed.size(), -1);
  std::vector<int> stack;
  int best = -1;
  size_t best_size = 0;
  int n = 0;
  for (size_t start = 0; start < closed.size(); ++start) {
    if (label[start] >= 0 || closed[start] < threshold) continue;
    size_t size = 0;
    label[start] = n;
    stack.push_back(static_cast<int>(start));
    while (!stack.empty()) {
      const int i = stack.back();
      stack.pop_back();
      ++size;
      const int x = i % w, y = i / w;
      const auto visit = [&](int u, int v) {
        if (u < 0 || v < 0 || u >= w || v >= h) return;
        const size_t j = small.at(u, v);
        if (label[j] >= 0 || closed[j] < threshold) return;
        label[j] = n;
        stack.push_back(static_cast<int>(j));
      };
      visit(x - 1, y);
      visit(x + 1, y);
      visit(x, y - 1);
      visit(x, y + 1);
    }
    if (size > best_size) {
      best_size = size;
      best = n;
    }
    ++n;
  }
  Candidate out;
  if (best < 0) return out;
  std::vector<PointF> ends;
  double filled = 0;
  for (int y = 0; y < h; ++y) {
    int from = w, to = -1;
    for (int x = 0; x < w; ++x) {
      if (label[small.at(x, y)] != best) continue;
      from = std::min(from, x);
      to = x;
    }
    if (to < 0) continue;
    filled += to + 1 - from;
    for (const double v : {y + 0.0, y + 1.0}) {
      ends.push_back({1.0 * from, v});
      ends.push_back({to + 1.0, v});
    }
  }
  out.hull = Hull(std::move(ends));
  if (out.hull.size() < 3) return {};
  const double area = Area(out.hull);
  out.area = area / (1.0 * w * h);
  out.fill = filled / area;
  return out;
}

// The quadrilateral that is left when corners go that cost least.
std::array<PointF, 4> FourCorners(std::vector<PointF> polygon) {
  while (polygon.size() > 4) {
    size_t least = 0;
    double cost = 1e30;
    for (size_t i = 0; i < polygon.size(); ++i) {
      const PointF& a = polygon[(i + polygon.size() - 1) % polygon.size()];
      const PointF& c = polygon[(i + 1) % polygon.size()];
      const double lost = std::fabs(Cross(a, polygon[i], c));
      if (lost < cost) {
        cost = lost;
        least = i;
      }
    }
    polygon.erase(polygon.begin() + static_cast<std::ptrdiff_t>(least));
  }
  std::array<PointF, 4> out;
  for (size_t i = 0; i < 4 && i < polygon.size(); ++i) out[i] = polygon[i];
  return out;
}

double Degrees(const PointF& a, const PointF& b) {
  return std::atan2(b.y - a.y, b.x - a.x) * 180 / std::numbers::pi;
}

// The smallest angle between two directions of lines.
double Between(double a, double b) {
  const double d = std::fabs(std::fmod(std::fabs(a - b), 180));
  return std::min(d, 180 - d);
}

struct Shape {
  std::array<PointF, 4> corners;  // in pixels, clockwise from the upper left
  bool quadrilateral = false;     // the hull has four sides, three of them within the picture
  bool askew = false;             // seen at an angle: not a rectangle
  bool straight = true;           // its sides run along the picture's
};

constexpr double kAlong = 0.25, kAskew = 1.2;  // degrees

Shape ShapeOf(const std::vector<PointF>& hull, const Small& small) {
  Shape out;
  if (hull.size() < 4) return out;
  out.corners = FourCorners(hull);
  std::vector<PointF> polygon(out.corners.begin(), out.corners.end());
  out.quadrilateral = Area(polygon) >= 0.965 * Area(hull);
  // The upper left one first: the least sum of coordinates.
  const auto first =
      std::min_element(out.corners.begin(), out.corners.end(),
                       [](const PointF& a, const PointF& b) { return a.x + a.y < b.x + b.y; });
  std::rotate(out.corners.begin(), first, out.corners.end());
  std::array<double, 4> angle;
  int within = 0;
  const auto at_edge = [&](const PointF& a, const PointF& b) {
    const auto near = [&](double u, double v, double edge) {
      return std::fabs(u - edge) < 1.5 && std::fabs(v - edge) < 1.5;
    };
    return near(a.x, b.x, 0) || near(a.x, b.x, small.width) || near(a.y, b.y, 0) ||
           near(a.y, b.y, small.height);
  };
  for (size_t i = 0; i < 4; ++i) {
    const PointF &a = out.corners[i], &b = out.corners[(i + 1) % 4];
    angle[i] = Degrees(a, b);
    within += !at_edge(a, b);
    const double side = Between(angle[i], i % 2 == 0 ? 0 : 90);
    if (side > kAlong && std::hypot(b.x - a.x, b.y - a.y) > 20) out.straight = false;
  }
  out.askew = Between(angle[0], angle[2]) > kAskew || Between(angle[1], angle[3]) > kAskew;
  if (within < 3) out.quadrilateral = false;
  for (PointF& p : out.corners) {
    p.x *= small.cell;
    p.y *= small.cell;
  }
  return out;
}

struct Outside {
  double share = 0;     // of the picture
  double contrast = 0;  // how much darker than the sheet beside it, on average
  double darker = 0;    // the share of the border along which it is
  double writing = 0;   // the share of its squares with writing or texture
  double deepest = 0;   // of the picture's side
  int sides = 0;        // of the picture that it touches along half of their length
};

Outside Look(const Small& small, const std::vector<uint8_t>& closed,
             const std::vector<PointF>& hull) {
  constexpr int kWriting = 70;
  Outside out;
  const int w = small.width, h = small.height;
  const std::vector<Span> outer = Spans(hull, h, -2), exact = Spans(hull, h, 0);
  double n_out = 0, n_far = 0, n_writing = 0, darker = 0, n_border = 0, contrast = 0;
  std::vector<int> top(static_cast<size_t>(w)), bottom(top.size());
  double n_left = 0, n_right = 0, left = 0, right = 0;
  const auto border = [&](int x_in, int x_out, int y) {
    if (x_in < 0 || x_in >= w || x_out < 0 || x_out >= w) return;
    const int d = closed[small.at(x_in, y)] - closed[small.at(x_out, y)];
    contrast += d;
    darker += d >= 10;
    ++n_border;
  };
  for (int y = 0; y < h; ++y) {
    const Span e = exact[static_cast<size_t>(y)], o = outer[static_cast<size_t>(y)];
    const int from = static_cast<int>(std::lround(std::clamp(e.from, 0.0, 1.0 * w)));
    const int to = std::max(from, static_cast<int>(std::lround(std::clamp(e.to, 0.0, 1.0 * w))));
    if (to > from) {
      n_left += from > 0;
      n_right += to < w;
      left = std::max(left, 1.0 * from);
      right = std::max(right, 1.0 * (w - to));
      border(from + 4, from - 4, y);
      border(to - 5, to + 3, y);
    }
    for (int x = 0; x < w; ++x) {
      if (x >= from && x < to) continue;
      ++n_out;
      if (x + 1 >= o.from && x < o.to) continue;
      ++n_far;
      n_writing += small.range[small.at(x, y)] >= kWriting;
    }
    for (int x = 0; x < w; ++x) {
      const bool in = x >= from && x < to;
      if (!in && top[static_cast<size_t>(x)] == y) ++top[static_cast<size_t>(x)];
      bottom[static_cast<size_t>(x)] = in ? 0 : bottom[static_cast<size_t>(x)] + 1;
    }
  }
  double n_top = 0, n_bottom = 0, deep_top = 0, deep_bottom = 0;
  for (int x = 0; x < w; ++x) {
    const int t = top[static_cast<size_t>(x)], b = bottom[static_cast<size_t>(x)];
    if (t >= h) continue;
    n_top += t > 0;
    n_bottom += b > 0;
    deep_top = std::max(deep_top, 1.0 * t);
    deep_bottom = std::max(deep_bottom, 1.0 * b);
    const auto down = [&](int y_in, int y_out) {
      if (y_in < 0 || y_in >= h || y_out < 0 || y_out >= h) return;
      const int d = closed[small.at(x, y_in)] - closed[small.at(x, y_out)];
      contrast += d;
      darker += d >= 10;
      ++n_border;
    };
    if (t > 0) down(t + 4, t - 4);
    if (b > 0) down(h - b - 5, h - b + 3);
  }
  out.share = n_out / (1.0 * w * h);
  out.contrast = n_border > 0 ? contrast / n_border : 0;
  out.darker = n_border > 0 ? darker / n_border : 0;
  out.writing = n_far > 0 ? n_writing / n_far : 0;
  out.deepest = std::max({left / w, right / w, deep_top / h, deep_bottom / h});
  out.sides = (n_left > 0.5 * h) + (n_right > 0.5 * h) + (n_top > 0.5 * w) + (n_bottom > 0.5 * w);
  return out;
}

std::array<uint8_t, 3> MeanColour(const Image& picture, int x, int y, int side) {
  std::array<int, 3> sum = {};
  for (int dy = 0; dy < side; ++dy) {
    const uint8_t* rgb = picture.row(y + dy) + 3 * x;
    for (int dx = 0; dx < side; ++dx, rgb += 3) {
      for (size_t c = 0; c < 3; ++c) sum[c] += rgb[c];
    }
  }
  std::array<uint8_t, 3> out;
  for (size_t c = 0; c < 3; ++c) out[c] = static_cast<uint8_t>(sum[c] / (side * side));
  return out;
}

// A colour at every square: that of the paper, outside the hull that of the nearest paper.
std::vector<std::array<uint8_t, 3>> PaperColours(const Image& picture, const Small& small,
                                                 const std::vector<uint8_t>& closed,
                                                 const std::vector<PointF>& hull) {
  const int w = small.width, h = small.height;
  std::vector<std::array<uint8_t, 3>> out(small.mean.size());
  std::vector<char> known(small.mean.size(), 0);
  std::deque<std::pair<int, int>> queue;
  const std::vector<Span> inner = Spans(hull, h, 3);
  for (int y = 0; y < h; ++y) {
    for (int x = 0; x < w; ++x) {
      const Span& s = inner[static_cast<size_t>(y)];
      if (x < s.from || x + 1 > s.to) continue;
      const size_t i = small.at(x, y);
      if (small.range[i] > 60 || small.mean[i] + 12 < closed[i]) continue;
      out[i] = MeanColour(picture, x * small.cell, y * small.cell, small.cell);
      known[i] = 1;
      queue.emplace_back(x, y);
    }
  }
  while (!queue.empty()) {
    const auto [x, y] = queue.front();
    queue.pop_front();
    const auto colour = out[small.at(x, y)];
    for (const auto& [dx, dy] : {std::pair{1, 0}, {-1, 0}, {0, 1}, {0, -1}}) {
      const int u = x + dx, v = y + dy;
      if (u < 0 || v < 0 || u >= w || v >= h || known[small.at(u, v)]) continue;
      known[small.at(u, v)] = 1;
      out[small.at(u, v)] = colour;
      queue.emplace_back(u, v);
    }
  }
  return out;
}

Image Painted(const Image& picture, const Small& small, const std::vector<uint8_t>& closed,
              const std::vector<PointF>& hull) {
  const auto paper = PaperColours(picture, small, closed, hull);
  std::vector<PointF> polygon = hull;
  // Sides at the picture's edge stay where they are: moved out, they are not moved in.
  const double inset = 1.5 * small.cell;
  for (PointF& p : polygon) {
    p.x = p.x < 1                 ? -2 * inset
          : p.x > small.width - 1 ? picture.width_px + 2 * inset
                                  : p.x * small.cell;
    p.y = p.y < 1                  ? -2 * inset
          : p.y > small.height - 1 ? picture.height_px + 2 * inset
                                   : p.y * small.cell;
  }
  const std::vector<Span> spans = Spans(polygon, picture.height_px, inset);
  Image out = picture;
  for (int y = 0; y < picture.height_px; ++y) {
    const Span s = spans[static_cast<size_t>(y)];
    const int from = static_cast<int>(std::clamp(std::ceil(s.from), 0.0, 1.0 * picture.width_px));
    const int to =
        std::max(from, static_cast<int>(std::clamp(std::floor(s.to), 0.0, 1.0 * picture.width_px)));
    const int row = std::min(small.height - 1, y / small.cell);
    const auto paint = [&](int x0, int x1) {
      for (int x = x0; x < x1; ++x) {
        const auto& c = paper[small.at(std::min(small.width - 1, x / small.cell), row)];
        std::copy(c.begin(), c.end(), out.row(y) + 3 * x);
      }
    };
    paint(0, from);
    paint(to, picture.width_px);
  }
  return out;
}

// The projective matrix that takes (0, 0), (w, 0), (w, h), (0, h) to the corners.
PageTransform::Matrix ToCorners(double w, double h, const std::array<PointF, 4>& p) {
  // Of the unit square, after Heckbert; then scaled.
  const double dx1 = p[1].x - p[2].x, dx2 = p[3].x - p[2].x;
  const double dx3 = p[0].x - p[1].x + p[2].x - p[3].x;
  const double dy1 = p[1].y - p[2].y, dy2 = p[3].y - p[2].y;
  const double dy3 = p[0].y - p[1].y + p[2].y - p[3].y;
  const double det = dx1 * dy2 - dx2 * dy1;
  const double g = (dx3 * dy2 - dx2 * dy3) / det, k = (dx1 * dy3 - dx3 * dy1) / det;
  return {(p[1].x - p[0].x + g * p[1].x) / w,
          (p[3].x - p[0].x + k * p[3].x) / h,
          p[0].x,
          (p[1].y - p[0].y + g * p[1].y) / w,
          (p[3].y - p[0].y + k * p[3].y) / h,
          p[0].y,
          g / w,
          k / h,
          1};
}

std::optional<Sheet> Straightened(const Image& picture, const Shape& shape, int cell) {
  // A little within, so that the sheet's edge is no stroke.
  std::array<PointF, 4> corners = shape.corners;
  PointF middle;
  for (const PointF& p : corners) {
    middle.x += p.x / 4;
    middle.y += p.y / 4;
  }
  for (PointF& p : corners) {
    const double dx = middle.x - p.x, dy = middle.y - p.y, length = std::hypot(dx, dy);
    if (length < 1) return std::nullopt;
    const double in = std::min(2.5 * cell, 0.1 * length);
    p.x += in * dx / length;
    p.y += in * dy / length;
  }
  const auto side = [&](size_t a, size_t b) {
    return std::hypot(corners[a].x - corners[b].x, corners[a].y - corners[b].y);
  };
  const int width = static_cast<int>(std::lround(std::max(side(0, 1), side(3, 2))));
  const int height = static_cast<int>(std::lround(std::max(side(0, 3), side(1, 2))));
  if (width < 16 || height < 16) return std::nullopt;
  const PageTransform transform = PageTransform::FromMatrix(ToCorners(width, height, corners),
                                                            picture.width_px, picture.height_px);
  return Sheet{.image = Resample(picture, transform, width, height), .transform = transform};
}

std::optional<Sheet> Find(const Image& picture) {
  constexpr int kLeastCells = 40;
  constexpr double kLeastSheet = 0.2, kLeastOutside = 0.002, kLeastFill = 0.94;
  constexpr double kLeastContrast = 14, kLeastDarker = 0.75;
  constexpr double kMostWriting = 0.004;
  constexpr double kMostStrip = 0.15;  // of the picture's side, where one or two sides are dark
  const Small small = Shrink(picture);
  if (std::min(small.width, small.height) < kLeastCells) return std::nullopt;
  const std::vector<uint8_t> closed = WithoutWriting(small);
  std::array<size_t, 256> count = {};
  for (const uint8_t v : closed) ++count[v];
  const auto level = [&](double share) {
    size_t n = 0;
    for (int v = 0; v < 256; ++v) {
      n += count[static_cast<size_t>(v)];
      if (static_cast<double>(n) >= share * static_cast<double>(closed.size())) return v;
    }
    return 255;
  };
  const int dark = level(0.002), light = level(0.95);
  if (light - dark < kLeastContrast) return std::nullopt;
  Candidate best;
  double most = 0;
  for (const double at : {0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85}) {
    const int threshold = static_cast<int>(std::lround(dark + at * (light - dark)));
    Candidate candidate = At(small, closed, threshold);
    if (candidate.area < kLeastSheet || 1 - candidate.area < kLeastOutside) continue;
    if (candidate.fill < kLeastFill) continue;
    const Outside outside = Look(small, closed, candidate.hull);
    if (outside.contrast < kLeastContrast || outside.darker < kLeastDarker) continue;
    const Shape shape = ShapeOf(candidate.hull, small);
    const bool written = outside.writing > kMostWriting;
    if (shape.straight) {
      // Windows on a screen and coloured bands look so, too.
      if (written) continue;
      if (outside.sides < 3 && outside.deepest > kMostStrip) continue;
    } else if (written && !(shape.quadrilateral && outside.sides >= 2)) {
      continue;
    }
    // At the sheet's edge the step is highest; a threshold within a shadow cuts the sheet.
    const double score = outside.contrast * outside.darker * (candidate.fill >= 0.985 ? 2 : 1);
    if (score <= most) continue;
    most = score;
    best = std::move(candidate);
  }
  if (best.hull.empty()) return std::nullopt;
  const Shape shape = ShapeOf(best.hull, small);
  if (shape.quadrilateral && shape.askew) {
    if (std::optional<Sheet> sheet = Straightened(picture, shape, small.cell)) return sheet;
  }
  return Sheet{.image = Painted(picture, small, closed, best.hull),
               .transform = PageTransform::Identity(picture.width_px, picture.height_px)};
}

}  // namespace

Result<std::optional<Sheet>> FindSheet(const Image& picture) {
  if (picture.empty())
    return Error{ErrorCode::kInvalidArgument, "the page image is empty (no pixels)"};
  try {
    return Find(picture);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "not enough memory to find the sheet on the page"};
  }
}

Image Resample(const Image& picture, const PageTransform& transform, int width, int height) {
  Image out(width, height);
  for (int y = 0; y < height; ++y) {
    uint8_t* to = out.row(y);
    for (int x = 0; x < width; ++x, to += 3) {
      const PointF p = transform.ToInput(PointF{x + 0.5, y + 0.5});
      const double fx = std::clamp(p.x - 0.5, 0.0, picture.width_px - 1.0);
      const double fy = std::clamp(p.y - 0.5, 0.0, picture.height_px - 1.0);
      const int ix = std::min(static_cast<int>(fx), std::max(0, picture.width_px - 2));
      const int iy = std::min(static_cast<int>(fy), std::max(0, picture.height_px - 2));
      const int ax = static_cast<int>((fx - ix) * 256), ay = static_cast<int>((fy - iy) * 256);
      const uint8_t* a = picture.row(iy) + 3 * ix;
      const uint8_t* b = picture.row(std::min(iy + 1, picture.height_px - 1)) + 3 * ix;
      const int next = ix + 1 < picture.width_px ? 3 : 0;
      for (int c = 0; c < 3; ++c) {
        const int upper = a[c] * (256 - ax) + a[c + next] * ax;
        const int lower = b[c] * (256 - ax) + b[c + next] * ax;
        to[c] = static_cast<uint8_t>((upper * (256 - ay) + lower * ay + 32768) >> 16);
      }
    }
  }
  return out;
}

}  // namespace glmocr
