#pragma once

#include "widgets/plots/compare_content.h"
#include "widgets/plots/view.h"

#include <QObject>
#include <QString>

#include <functional>
#include <utility>
#include <vector>

namespace sparsescope {

/// Writes a comparison as a folder: every figure as PNG, SVG, PDF and CSV, the tables, both configurations, and one report.
/// One file a turn of the event loop, so that the window answers; a folder that was not finished is taken away.
class ComparisonExport : public QObject {
    Q_OBJECT

public:
    using Views = std::vector<std::pair<QString, const ExportableView *>>;

    /// Below `parent`; the views stay as they are while it runs.
    ComparisonExport(Views views, const CompareContent &content, const QString &parent);
    ~ComparisonExport() override;

    void start();
    void cancel();
    /// All at once, for the command line and tests. Throws Failure.
    QString writeNow();

Q_SIGNALS:
    void progressed(QString words); ///< "3 of 14"
    /// `folder`: what was written; empty: cancelled, or `failure` says why not.
    void finished(QString folder, QString failure);

private:
    void plan();
    void step();
    void begin();
    void end();
    void removePartial();

    Views m_views;
    CompareContent m_content;
    QString m_parent, m_folder, m_partial;
    std::vector<std::function<void()>> m_steps;
    std::size_t m_next = 0;
    bool m_cancelled = false;
};

/// One PDF: title page with both sides, what matches and the metrics; then a page a figure.
void writeComparisonReport(const ComparisonExport::Views &views, const CompareContent &content, const QString &file);

} // namespace sparsescope
