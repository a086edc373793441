#include "app/help_dialog.h"

#include "widgets/panels/role_label.h"
#include "widgets/style/screen_room.h"
#include "widgets/style/theme.h"

#include <QGridLayout>
#include <QPushButton>
#include <QScrollArea>
#include <QVBoxLayout>

namespace sparsescope {

HelpDialog::HelpDialog(const QString &title, const QString &before, const Rows &rows, bool keys, QWidget *parent)
    : QDialog(parent)
{
    setObjectName(QStringLiteral("helpDialog"));
    setWindowTitle(title);
    setAttribute(Qt::WA_DeleteOnClose);
    auto *page = new QWidget;
    auto *grid = new QGridLayout(page);
    grid->setContentsMargins(0, 0, 12, 0);
    grid->setHorizontalSpacing(20);
    grid->setVerticalSpacing(6);
    grid->setColumnStretch(1, 1);
    int row = 0;
    for (const auto &[term, words] : rows) {
        auto *left = makeLabel(term, keys ? "mono" : "heading", page);
        auto *right = makeLabel(words, "", page);
        right->setWordWrap(true);
        grid->addWidget(left, row, 0, Qt::AlignTop);
        grid->addWidget(right, row++, 1);
    }
    grid->setRowStretch(row, 1);
    auto *scroll = new QScrollArea(this);
    scroll->setAccessibleName(title);
    scroll->setWidget(page);
    scroll->setWidgetResizable(true);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto *close = new QPushButton(QStringLiteral("Close"), this);
    close->setObjectName(QStringLiteral("helpClose"));
    close->setAccessibleName(close->text());
    close->setDefault(true);
    setRole(close, "primary");
    connect(close, &QPushButton::clicked, this, &QDialog::accept);
    auto *column = new QVBoxLayout(this);
    column->setContentsMargins(20, 18, 8, 14);
    column->setSpacing(10);
    column->addWidget(makeLabel(title, "title", this));
    if (!before.isEmpty()) {
        auto *words = makeLabel(before, "sub", this);
        words->setWordWrap(true);
        column->addWidget(words);
    }
    column->addWidget(scroll, 1);
    auto *foot = new QHBoxLayout;
    foot->setContentsMargins(0, 0, 12, 0);
    foot->addStretch(1);
    foot->addWidget(close);
    column->addLayout(foot);
    resizeWithinScreen(this, {620, 640});
}

HelpDialog::Rows shortcutRows()
{
    static const std::pair<const char *, const char *> kKeys[] = {
        {"Ctrl+1 to Ctrl+4", "Train, Inspect, Compare, Speed"},
        {"Ctrl+N", "New experiment"},
        {"Ctrl+O", "Open runs or a checkpoint"},
        {"Ctrl+Shift+O", "Open a file: an experiment, a measurement, a table"},
        {"Ctrl+Return", "Start the queue"},
        {"F6", "Pause or resume"},
        {"Shift+F6", "Stop"},
        {"[ and ], Shift: ten", "Previous, next snapshot"},
        {"Home, End", "First snapshot, follow live"},
        {"Enter, Esc", "Focus, Atlas"},
        {"Page up, page down", "Layer"},
        {"Arrows in the map, Shift: ten", "Key, query"},
        {"M, K", "Mask overlay, lock limits"},
        {"Ctrl+G", "Continue a text"},
        {"Ctrl+Z, Ctrl+Shift+Z", "Undo, redo view change"},
        {"L, Y, R", "Log x, log y, raw"},
        {"+, −, 0", "Zoom, show everything"},
        {"Ctrl+D", "Duplicate and change"},
        {"Alt+Up, Alt+Down", "Reorder the queue"},
        {"Space, Delete on a run", "Hide or show its curves, remove it from the queue"},
        {"A, B on a run", "Put its group on that side of Compare"},
        {"C on a run", "Draw it beside A and B, or no longer"},
        {"Ctrl+F", "Filter runs"},
        {"Ctrl+E", "Export"},
        {"Ctrl+Shift+C", "Copy image"},
        {"F8, F9, F10", "Log, Runs, Metrics"},
        {"Ctrl+T", "Light or dark"},
        {"F11", "Full screen"},
        {"F1", "These shortcuts"}};
    HelpDialog::Rows rows;
    for (const auto &[keys, words] : kKeys) {
        rows.emplace_back(QString::fromUtf8(keys), QString::fromUtf8(words));
    }
    return rows;
}

HelpDialog::Rows termRows()
{
    static const std::pair<const char *, const char *> kTerms[] = {
        {"Query", "The position t that looks back at what came before it."},
        {"Key", "A position s, not after t, that a query may attend to."},
        {"Index score", "What the indexer gives a query and a key: the sum of its heads' terms."},
        {"Selection", "The k keys of highest index score that a query attends to, one set a layer for all heads."},
        {"Mass kept", "Share of the dense attention, mean of the heads, that falls on the selected keys; mean over "
                      "queries t ≥ k."},
        {"Missed", "A key that dense attention wants most and that was not selected."},
        {"Needed", "A key among the k that dense attention, mean of the heads, wants most."},
        {"Recall", "Share of the needed keys that were selected."},
        {"Look-back", "How far behind the query a selected key is: t − s, in tokens."},
        {"Key pairs kept", "Share of all pairs of query and key that are computed: Σ min(k, t+1) / Σ (t+1)."},
        {"Churn", "How much a selection changed since the snapshot before: 1 − Jaccard."},
        {"Chance", "What random keys, or a model that has learned nothing, would reach."},
        {"Snapshot", "What every layer scored and selected on the probe text at one step."},
        {"Probe text", "The fixed text that every snapshot looks at."},
        {"Stage", "A stretch of training with one attention and one set of trained parameters."},
        {"Check", "A test of whether a comparison may be believed at all."},
        {"Verdict", "What the checks and the statistics allow one to say of two sides."},
        {"Counterfactual", "The same frozen model with keys that another selector chose."}};
    HelpDialog::Rows rows;
    for (const auto &[term, words] : kTerms) {
        rows.emplace_back(QString::fromUtf8(term), QString::fromUtf8(words));
    }
    return rows;
}

HelpDialog::Rows licenceRows()
{
    static const std::pair<const char *, const char *> kParts[] = {
        {"Sparsescope", "MIT; the window as a binary GPL 3, for QCustomPlot is in it"},
        {"Qt", "LGPL 3"},
        {"QCustomPlot", "GPL 3"},
        {"LibTorch", "BSD 3-Clause; with it NVIDIA's CUDA libraries under their own terms"},
        {"nlohmann/json, fmt", "MIT"},
        {"CLI11", "BSD 3-Clause"},
        {"SQLite", "public domain"},
        {"Eigen", "MPL 2"},
        {"Boost.Math", "Boost Software License 1.0"},
        {"SentencePiece", "Apache 2.0"},
        {"Inter, JetBrains Mono", "SIL Open Font License 1.1"}};
    HelpDialog::Rows rows;
    for (const auto &[part, licence] : kParts) {
        rows.emplace_back(QString::fromUtf8(part), QString::fromUtf8(licence));
    }
    return rows;
}

} // namespace sparsescope
