#include "widgets/plots/plot_tickers.h"

#include "widgets/state/number_text.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

class CountTicker : public QCPAxisTicker {
protected:
    QString getTickLabel(double tick, const QLocale &, QChar, int) override
    {
        return std::abs(tick - std::round(tick)) < 1e-9 * std::max(1.0, std::abs(tick)) ? countText(std::llround(tick))
                                                                                        : QString();
    }
};

class LogCountTicker : public QCPAxisTickerLog {
protected:
    QString getTickLabel(double tick, const QLocale &, QChar, int) override
    {
        return tick >= 0.99 ? countText(std::llround(tick)) : QString::number(tick, 'g', 3);
    }
};

/// As many decimals as the distance of the ticks needs.
class ValueTicker : public QCPAxisTicker {
protected:
    double getTickStep(const QCPRange &range) override { return m_step = QCPAxisTicker::getTickStep(range); }
    QString getTickLabel(double tick, const QLocale &, QChar, int) override
    {
        int decimals = m_step > 0 ? std::clamp(-static_cast<int>(std::floor(std::log10(m_step) + 1e-9)), 0, 8) : 2;
        const double steps = m_step * std::pow(10.0, decimals);
        decimals += std::abs(steps - std::round(steps)) > 1e-6 ? 1 : 0; // 0.025 is not 0.03
        if (decimals == 0) {
            return countText(std::llround(tick));
        }
        QString text = QString::number(std::abs(tick) < m_step * 1e-6 ? 0.0 : tick, 'f', decimals);
        if (text.startsWith(QLatin1Char('-'))) {
            text.replace(0, 1, QChar(0x2212));
        }
        return text;
    }

private:
    double m_step = 1;
};

/// A log axis of a loss spans less than a decade: 1, 2, 5 and their neighbours are named.
class LogValueTicker : public QCPAxisTicker {
protected:
    QVector<double> createTickVector(double, const QCPRange &range) override
    {
        QVector<double> ticks;
        if (range.lower <= 0 || range.upper <= range.lower) {
            return ticks;
        }
        for (double decade = std::pow(10.0, std::floor(std::log10(range.lower))); decade <= range.upper; decade *= 10) {
            for (const double step : {1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0}) {
                ticks.push_back(step * decade);
            }
        }
        return ticks;
    }
    QVector<double> createSubTickVector(int, const QVector<double> &) override { return {}; }
    QString getTickLabel(double tick, const QLocale &, QChar, int) override { return QString::number(tick, 'g', 3); }
};

template <class Linear, class Logarithmic>
void setTicks(QCPAxis *axis, bool logarithmic)
{
    axis->setScaleType(logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    axis->setTicker(logarithmic ? QSharedPointer<QCPAxisTicker>(new Logarithmic)
                                : QSharedPointer<QCPAxisTicker>(new Linear));
}

} // namespace

void setStepTicks(QCPAxis *axis, bool logarithmic) { setTicks<CountTicker, LogCountTicker>(axis, logarithmic); }

void setValueTicks(QCPAxis *axis, bool logarithmic) { setTicks<ValueTicker, LogValueTicker>(axis, logarithmic); }

void setTicksAt(QCPAxis *axis, const std::vector<double> &counts, bool logarithmic)
{
    const QSharedPointer<QCPAxisTickerText> ticker(new QCPAxisTickerText);
    for (const double count : counts) {
        ticker->addTick(count, countText(std::llround(count)));
    }
    axis->setScaleType(logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    axis->setTicker(ticker);
}

} // namespace sparsescope
