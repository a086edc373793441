#include "app/bench_process.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <QProcess>

#include <algorithm>
#include <set>
#include <system_error>

namespace sparsescope {

namespace {

constexpr int kPatienceMilliseconds = 3000; ///< between asking it to end and ending it

QString number(std::int64_t value) { return QString::number(value); }

void setField(QStringList &arguments, const char *field, const QString &value)
{
    arguments << QStringLiteral("--set") << QStringLiteral("%1=%2").arg(QLatin1String(field), value);
}

/// Of `bench attention` at length: every row of a context has its sizes.
void addLengths(const BenchDocument &document, QStringList &arguments)
{
    std::set<std::int64_t> contexts;
    for (const MeasuredRow &row : document.rows) {
        contexts.insert(row.keys);
    }
    arguments << QStringLiteral("--context");
    for (const std::int64_t context : contexts) {
        arguments << number(context);
    }
    arguments << QStringLiteral("--indexer") << QString::fromStdString(document.indexer);
    if (!document.direction.empty()) {
        arguments << QStringLiteral("--direction") << QString::fromStdString(document.direction);
    }
    const MeasuredRow &whole = document.rows.back(); // the parts, then the whole
    if (whole.k) {
        setField(arguments, "k", number(*whole.k));
    }
    if (whole.heads) {
        setField(arguments, "heads", number(*whole.heads));
    }
}

/// Of training steps: families, lengths, batch and token kinds stand in the rows, k as a part of the length.
void addSteps(const BenchDocument &document, QStringList &arguments)
{
    QStringList families, lengths;
    std::set<std::int64_t> vocabularies;
    std::set<std::int64_t> parts;
    for (const MeasuredRow &row : document.rows) {
        const QString family = QStringLiteral("\"%1\"").arg(QString::fromStdString(row.family));
        if (!families.contains(family)) {
            families << family;
        }
        if (!lengths.contains(number(row.keys))) {
            lengths << number(row.keys);
        }
        if (row.width) {
            vocabularies.insert(*row.width);
        }
        if (row.k) {
            parts.insert(row.keys / std::max<std::int64_t>(1, *row.k));
        }
    }
    for (const std::int64_t vocabulary : vocabularies) {
        arguments << QStringLiteral("--vocabulary") << number(vocabulary);
    }
    setField(arguments, "sweep.family", QStringLiteral("[%1]").arg(families.join(QLatin1Char(','))));
    setField(arguments, "sweep.sequence_length", QStringLiteral("[%1]").arg(lengths.join(QLatin1Char(','))));
    setField(arguments, "training.batch_size", number(document.rows.front().batch));
    if (parts.size() == 1) {
        setField(arguments, "model.selection.top_k", QStringLiteral("L/%1").arg(*parts.begin()));
    }
}

bool sameShape(const MeasuredRow &a, const MeasuredRow &b)
{
    return a.batch == b.batch && a.queries == b.queries && a.keys == b.keys && a.k == b.k && a.heads == b.heads &&
           a.width == b.width && a.type == b.type && a.scores == b.scores;
}

/// Of an operation: one shape is named; several are the usual ones, which the command takes by itself.
void addShape(const BenchDocument &document, QStringList &arguments)
{
    const MeasuredRow &row = document.rows.front();
    if (!std::all_of(document.rows.begin(), document.rows.end(),
                     [&](const MeasuredRow &other) { return sameShape(row, other); })) {
        return;
    }
    setField(arguments, "batch", number(row.batch));
    setField(arguments, "queries", number(row.queries));
    setField(arguments, "keys", number(row.keys));
    const std::pair<const char *, std::optional<std::int64_t>> numbers[] = {
        {"k", row.k}, {"heads", row.heads}, {"width", row.width}};
    for (const auto &[field, value] : numbers) {
        if (value) {
            setField(arguments, field, number(*value));
        }
    }
    const std::pair<const char *, const std::string &> words[] = {{"type", row.type}, {"scores", row.scores}};
    for (const auto &[field, value] : words) {
        if (!value.empty()) {
            setField(arguments, field, QString::fromStdString(value));
        }
    }
}

} // namespace

QStringList benchCommand(const BenchDocument &document, const std::string &device, const std::filesystem::path &out)
{
    QStringList arguments{QStringLiteral("bench"), QString::fromStdString(document.subject)};
    if (!document.indexer.empty()) {
        addLengths(document, arguments);
    } else if (document.subject == "step") {
        addSteps(document, arguments);
    } else {
        addShape(document, arguments);
    }
    if (document.rounds > 0) {
        arguments << QStringLiteral("--rounds") << QString::number(document.rounds);
    }
    arguments << QStringLiteral("--device") << QString::fromStdString(device) << QStringLiteral("--out")
              << QString::fromStdString(out.string());
    return arguments;
}

BenchDocument usualBench()
{
    BenchDocument document;
    document.subject = "attention";
    document.indexer = "4x64";
    document.direction = "forward";
    document.gpu = true;
    document.rounds = 7;
    for (std::int64_t context = 4096; context <= 131072; context *= 2) {
        constexpr std::size_t kRows = 4; // three parts and the whole
        MeasuredRow row;
        row.queries = row.keys = context;
        document.rows.insert(document.rows.end(), kRows, row);
    }
    return document;
}

std::string benchName(const BenchDocument &document)
{
    return document.indexer.empty() ? document.subject : "core_" + document.indexer + "_" + document.direction;
}

BenchProcess::BenchProcess(QObject *parent)
    : QObject(parent)
{}

BenchProcess::~BenchProcess()
{
    if (m_process) {
        m_process->disconnect(this);
        m_process->kill();
        m_process->waitForFinished(kPatienceMilliseconds);
    }
}

QString BenchProcess::program()
{
    return QFileInfo(QCoreApplication::applicationDirPath() + QStringLiteral("/sparsescope-cli")).absoluteFilePath();
}

void BenchProcess::start(const QStringList &arguments, const std::filesystem::path &out, int rows)
{
    cancel();
    m_out = out;
    m_rows = rows;
    m_done = 0;
    m_line.clear();
    std::error_code ignored;
    std::filesystem::create_directories(out.parent_path(), ignored); // what is wrong with it the process says
    m_process = std::make_unique<QProcess>();
    connect(m_process.get(), &QProcess::readyReadStandardOutput, this, &BenchProcess::read);
    connect(m_process.get(), &QProcess::finished, this, &BenchProcess::ended);
    connect(m_process.get(), &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
        if (error == QProcess::FailedToStart) {
            const QString why = m_process->errorString();
            m_process.release()->deleteLater();
            Q_EMIT failed(QStringLiteral("%1 could not be started: %2").arg(program(), why));
        }
    });
    Q_EMIT progressed(QStringLiteral("Starting"), 0);
    m_process->start(program(), arguments);
}

void BenchProcess::cancel()
{
    if (!m_process) {
        return;
    }
    QProcess *process = m_process.release();
    process->disconnect(this);
    process->setParent(this); // until it is gone
    connect(process, &QProcess::finished, process, &QObject::deleteLater);
    process->kill(); // what it had written is whole: files appear by renaming
}

/// A row is a line that begins at the margin and names its batch; its candidates follow, indented.
void BenchProcess::read()
{
    m_line += m_process->readAllStandardOutput();
    for (qsizetype end = m_line.indexOf('\n'); end >= 0; end = m_line.indexOf('\n')) {
        const QString line = QString::fromUtf8(m_line.left(end));
        m_line.remove(0, end + 1);
        if (!line.startsWith(QLatin1Char(' ')) && line.contains(QLatin1String(" B "))) {
            ++m_done;
            Q_EMIT progressed(line.section(QStringLiteral("  floor"), 0, 0).simplified(),
                              std::min(1.0, static_cast<double>(m_done) / std::max(1, m_rows)));
        }
    }
}

void BenchProcess::ended()
{
    QProcess *process = m_process.release();
    process->deleteLater(); // it is in the middle of a signal
    if (QFileInfo::exists(QString::fromStdString(m_out.string()))) {
        Q_EMIT finished(m_out);
        return;
    }
    const QString said = QString::fromUtf8(process->readAllStandardError()).trimmed();
    Q_EMIT failed(!said.isEmpty() ? said.section(QLatin1Char('\n'), -1)
                  : process->exitStatus() == QProcess::CrashExit
                      ? QStringLiteral("sparsescope-cli ended without a word.")
                      : QStringLiteral("sparsescope-cli ended with %1.").arg(process->exitCode()));
}

} // namespace sparsescope
