#include "app/comparison_export.h"

#include "core/base/comparison_text.h"
#include "core/base/error.h"
#include "core/base/safetensors.h"
#include "widgets/plots/compare_paper.h"
#include "widgets/style/figure_export.h"

#include <QDir>
#include <QTimer>

namespace sparsescope {

namespace {

QString slug(const QString &title)
{
    QString name;
    for (const QChar c : title.toLower()) {
        if (c.isLetterOrNumber()) {
            name += c;
        } else if (!name.isEmpty() && !name.endsWith(QLatin1Char('-'))) {
            name += QLatin1Char('-');
        }
    }
    while (name.endsWith(QLatin1Char('-'))) {
        name.chop(1);
    }
    return name;
}

nlohmann::ordered_json configsOf(const SideData &side)
{
    nlohmann::ordered_json configs = nlohmann::ordered_json::array();
    for (const SideRun &run : side.runs) {
        configs.push_back({{"run", run.id.toStdString()}, {"config", toJson(run.compared.started.config)}});
    }
    return configs;
}

} // namespace

ComparisonExport::ComparisonExport(Views views, const CompareContent &content, const QString &parent)
    : m_views(std::move(views))
    , m_content(content)
    , m_parent(parent)
{
    const QString name =
        QStringLiteral("compare-%1-against-%2").arg(slug(content.input.a->title), slug(content.input.b->title));
    m_folder = QDir(parent).filePath(name);
    for (int copy = 2; QDir(m_folder).exists(); ++copy) { // an earlier one stays
        m_folder = QDir(parent).filePath(QStringLiteral("%1-%2").arg(name).arg(copy));
    }
    m_partial = m_folder + QStringLiteral(".partial");
    plan();
}

ComparisonExport::~ComparisonExport()
{
    if (m_next < m_steps.size()) {
        removePartial();
    }
}

void ComparisonExport::plan()
{
    const auto file = [this](const QString &name) { return QDir(m_partial).filePath(name); };
    const auto json = [file](const QString &name, const nlohmann::ordered_json &document) {
        writeFileAtomically(file(name).toStdString(), document.dump(2) + "\n");
    };
    for (const auto &[name, view] : m_views) {
        for (const char *format : {"png", "svg", "pdf", "csv"}) {
            if (view->isTable() && (format == std::string("png") || format == std::string("svg"))) {
                continue; // a table is no picture
            }
            m_steps.emplace_back([file, name = name, view = view, format] {
                exportFigure(*view, file(name + QLatin1Char('.') + QLatin1String(format)));
            });
        }
    }
    m_steps.emplace_back([this, file, json] {
        const nlohmann::ordered_json comparisons = comparisonsJson({m_content.comparison, m_content.accuracy});
        writeFileAtomically(file(QStringLiteral("seeds.csv")).toStdString(), comparisonsCsv(comparisons));
        nlohmann::ordered_json document = compareContext(QStringLiteral("comparison"), m_content);
        document["by_seed"] = comparisons; // b of each is side A, a is side B
        json(QStringLiteral("comparison.json"), document);
        json(QStringLiteral("config-a.json"), configsOf(*m_content.input.a));
        json(QStringLiteral("config-b.json"), configsOf(*m_content.input.b));
    });
    m_steps.emplace_back(
        [this, file] { writeComparisonReport(m_views, m_content, file(QStringLiteral("report.pdf"))); });
}

void ComparisonExport::begin()
{
    removePartial();
    if (!QDir().mkpath(m_partial)) {
        throw Failure({"could not make the folder", m_partial.toStdString(), "", "",
                       "Choose a folder that exists and is writable, with free space"});
    }
}

void ComparisonExport::end()
{
    if (!QDir().rename(m_partial, m_folder)) {
        throw Failure({"could not rename the finished folder", m_partial.toStdString(), "", "", ""});
    }
}

void ComparisonExport::removePartial() { QDir(m_partial).removeRecursively(); }

QString ComparisonExport::writeNow()
{
    begin();
    for (; m_next < m_steps.size(); ++m_next) {
        m_steps[m_next]();
    }
    end();
    return m_folder;
}

void ComparisonExport::start()
{
    try {
        begin();
    } catch (const std::exception &error) {
        Q_EMIT finished({}, QString::fromUtf8(error.what()));
        return;
    }
    step();
}

void ComparisonExport::step()
{
    if (m_cancelled) {
        removePartial();
        Q_EMIT finished({}, {});
        return;
    }
    Q_EMIT progressed(QStringLiteral("%1 of %2").arg(m_next + 1).arg(m_steps.size()));
    QTimer::singleShot(0, this, [this] {
        QString failure;
        try {
            if (!m_cancelled) {
                m_steps[m_next++]();
            }
            if (!m_cancelled && m_next == m_steps.size()) {
                end();
                Q_EMIT finished(m_folder, {});
                return;
            }
        } catch (const std::exception &error) {
            failure = QString::fromUtf8(error.what());
        }
        if (!failure.isEmpty()) {
            removePartial();
            Q_EMIT finished({}, failure);
            return;
        }
        step();
    });
}

void ComparisonExport::cancel() { m_cancelled = true; }

} // namespace sparsescope
