#pragma once

#include <QByteArray>
#include <QList>

#include <algorithm>
#include <cmath>

namespace sparsescope::test {

/// The largest scale, in points a unit, at which a PDF of ours draws a line or a word.
inline double largestScale(const QByteArray &pdf)
{
    double largest = 0;
    for (qsizetype at = pdf.indexOf("stream\n"); at >= 0; at = pdf.indexOf("stream\n", at)) {
        at += 7;
        const qsizetype end = pdf.indexOf("endstream", at);
        const QByteArray packed = pdf.mid(at, end - at);
        QByteArray sized(4, '\0'); // qUncompress wants a size first, and takes any
        sized[1] = 1;
        const QByteArray words = qUncompress(sized + packed);
        at = end + 9;
        QList<double> scales{1};
        QByteArrayList before;
        for (const QByteArray &word : words.simplified().split(' ')) {
            if (word == "q") {
                scales.append(scales.last());
            } else if (word == "Q" && scales.size() > 1) {
                scales.removeLast();
            } else if (word == "cm" && before.size() >= 6) {
                const double a = before[before.size() - 6].toDouble(), b = before[before.size() - 5].toDouble();
                scales.last() *= std::hypot(a, b);
            } else if (word == "l" || word == "re" || word == "Tj" || word == "TJ") {
                largest = std::max(largest, scales.last());
            }
            before.append(word);
            if (before.size() > 6) {
                before.removeFirst();
            }
        }
    }
    return largest;
}

} // namespace sparsescope::test
