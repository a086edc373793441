#pragma once

#include "core/base/records.h"

#include <QTimer>
#include <QWidget>

#include <optional>
#include <string>
#include <vector>

class QComboBox;
class QPlainTextEdit;

namespace sparsescope {

/// What happened, a line each: time, level, words. Scrolls along unless the person scrolled up.
class LogPanel : public QWidget {
    Q_OBJECT

public:
    static constexpr std::size_t kLines = 10000; ///< older ones stay in the run folder

    explicit LogPanel(QWidget *parent = nullptr);

    void append(const LogRecord &record, const QString &run);
    void clear();
    /// Scrolls to the last error of a run and marks its line; false when there is none.
    bool showLastError(const std::string &run);
    /// The level filter, for the title bar of whoever shows this panel.
    QComboBox *filter() const { return m_filter; }
    QPlainTextEdit *view() const { return m_view; }
    void setUtc(bool utc) { m_utc = utc; } ///< pictures that must repeat do not depend on the time zone

protected:
    void changeEvent(QEvent *event) override;

private:
    struct Line {
        LogRecord record;
        QString run;
    };
    bool shown(const Line &line) const;
    QString html(const Line &line) const;
    void rebuild();

    QPlainTextEdit *m_view;
    QComboBox *m_filter;
    std::vector<Line> m_lines;
    bool m_utc = false, m_atEnd = true; ///< scrolls along until the person scrolls up
    QTimer m_rebuild;
};

} // namespace sparsescope
