#include "widgets/panels/key_table.h"

#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QHeaderView>
#include <QMouseEvent>
#include <QPainter>
#include <QStyledItemDelegate>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr int kRowHeight = 25, kFirstKeys = 5, kContextTokens = 24;

QString running(const Snapshot &snapshot, int from, int to)
{
    QString text;
    for (int i = std::max(0, from); i < std::min(to, static_cast<int>(snapshot.words.size())); ++i) {
        text += QString::fromStdString(snapshot.words[static_cast<std::size_t>(i)]);
    }
    return text.replace(QLatin1Char('\n'), QChar(0x00B6));
}

/// Paints marks, words and bars in the theme's colours.
class KeyDelegate : public QStyledItemDelegate {
public:
    KeyDelegate(const KeyTableModel &model, std::function<int()> marked, QObject *parent)
        : QStyledItemDelegate(parent)
        , m_model(model)
        , m_marked(std::move(marked))
    {}

    void paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const override
    {
        const Tokens &t = currentTokens();
        painter->save();
        const bool marked = m_model.keyAt(index.row()) == m_marked();
        painter->fillRect(option.rect, marked ? t.selection : t.panel);
        painter->setPen(t.grid);
        painter->drawLine(option.rect.bottomLeft(), option.rect.bottomRight());
        drawKLine(*painter, option.rect, index.row(), t);
        painter->setFont(monoFont(12));
        painter->setPen(t.text);
        switch (index.column()) {
        case KeyTableModel::State:
            if (m_model.row()->hasSelection) {
                const QRectF box(option.rect.left() + 2, option.rect.center().y() - 4, 10, 10);
                if (m_model.stateAt(index.row()) != KeyState::Neither) {
                    paintStateSwatch(*painter, box, m_model.stateAt(index.row()), t);
                } else {
                    painter->fillRect(box, t.notSelected);
                }
            }
            break;
        case KeyTableModel::Context:
            drawContext(*painter, option.rect, index.row(), t);
            break;
        case KeyTableModel::Terms:
            drawTerms(*painter, option.rect, index.row(), t);
            break;
        default:
            painter->drawText(option.rect.adjusted(2, 0, -6, 0), Qt::AlignRight | Qt::AlignVCenter,
                              index.data().toString());
        }
        painter->restore();
    }

private:
    /// Dashed above the first key that was not selected.
    void drawKLine(QPainter &painter, const QRect &cell, int row, const Tokens &t) const
    {
        const RowAnswer &answer = *m_model.row();
        if (row == 0 || !answer.hasSelection || !answer.hasIndexer || m_model.rankAt(row) <= answer.selected ||
            m_model.rankAt(row - 1) > answer.selected) {
            return;
        }
        painter.setPen(QPen(t.text, 1.3, Qt::DashLine));
        painter.drawLine(cell.topLeft(), cell.topRight());
    }

    void drawContext(QPainter &painter, const QRect &cell, int row, const Tokens &t) const
    {
        const Snapshot &snapshot = *m_model.row()->request.snapshot;
        const int key = m_model.keyAt(row);
        if (key >= static_cast<int>(snapshot.words.size())) {
            return;
        }
        const QString word = shownToken(snapshot.words[static_cast<std::size_t>(key)]);
        const QFontMetricsF bold(monoFont(12, QFont::Bold));
        const double wide = bold.horizontalAdvance(word);
        const double middle = cell.left() + cell.width() * 0.45;
        QRectF box(middle, cell.top() + 4, wide, cell.height() - 8);
        const KeyState state = m_model.stateAt(row);
        const QColor ground = state == KeyState::Missed                                    ? t.missed
                              : state == KeyState::Neither || !m_model.row()->hasSelection ? t.notSelected
                                                                                           : t.selectedNeeded;
        painter.setClipRect(cell.adjusted(2, 0, -4, 0));
        painter.setPen(t.hint);
        painter.drawText(QRectF(cell.left() - 400, cell.top(), middle - cell.left() + 400, cell.height()),
                         Qt::AlignRight | Qt::AlignVCenter, running(snapshot, key - kContextTokens, key));
        painter.fillRect(box, mix(t.panel, ground, 0.2));
        painter.drawText(QRectF(box.right(), cell.top(), 400, cell.height()), Qt::AlignLeft | Qt::AlignVCenter,
                         running(snapshot, key + 1, key + kContextTokens));
        painter.setFont(monoFont(12, QFont::Bold));
        painter.setPen(t.text);
        painter.drawText(QRectF(box.left(), cell.top(), wide + 2, cell.height()), Qt::AlignLeft | Qt::AlignVCenter,
                         word);
        painter.setClipping(false);
    }

    void drawTerms(QPainter &painter, const QRect &cell, int row, const Tokens &t) const
    {
        const double largest = m_model.largestTerms();
        const std::vector<float> terms = m_model.termsAt(row);
        if (terms.empty() || !(largest > 0)) {
            return;
        }
        // A third of the room lies left of zero, for terms with a negative weight.
        const double zero = cell.left() + cell.width() / 3.0;
        const double scale = std::min(cell.width() / 3.0 - 4, cell.width() * 2 / 3.0 - 10) * 1.9 / largest;
        double right = zero, left = zero;
        const QRectF inside = QRectF(cell).adjusted(2, 7, -6, -7);
        for (std::size_t head = 0; head < terms.size(); ++head) {
            const double width = std::abs(terms[head]) * scale;
            QRectF bar(terms[head] >= 0 ? right : left - width, inside.top(), std::max(0.0, width - 1),
                       inside.height());
            (terms[head] >= 0 ? right : left) += terms[head] >= 0 ? width : -width;
            bar = bar.intersected(inside);
            const HeadStyle style = indexHeadStyle(static_cast<int>(head), t);
            painter.fillRect(bar, style.colour);
            if (style.hatched && bar.width() > 2) {
                paintHatch(painter, QPolygonF(bar), 4, t.panel);
            }
        }
        painter.setPen(t.hint);
        painter.drawLine(QPointF(zero, cell.top() + 4), QPointF(zero, cell.bottom() - 4));
    }

    const KeyTableModel &m_model;
    std::function<int()> m_marked;
};

} // namespace

std::vector<int> keysWorthARow(const RowAnswer &row, int marked, bool all)
{
    if (all) {
        return row.order;
    }
    const std::size_t n = row.order.size();
    std::vector<bool> worth(n + 1, false); // by rank, which begins at 1
    for (int rank = 1; rank <= static_cast<int>(n); ++rank) {
        const int key = row.order[static_cast<std::size_t>(rank) - 1];
        const bool aboutK = row.hasSelection && (rank == row.selected || rank == row.selected - 1);
        const bool missed = row.hasSelection && row.row.state[static_cast<std::size_t>(key)] == KeyState::Missed;
        worth[static_cast<std::size_t>(rank)] = rank <= kFirstKeys || key == marked || aboutK || missed;
    }
    std::vector<int> keys;
    for (std::size_t rank = 1; rank <= n; ++rank) { // a single one left out would look like a mistake
        const bool between = rank > 1 && rank < n && worth[rank - 1] && worth[rank + 1];
        if (worth[rank] || between) {
            keys.push_back(row.order[rank - 1]);
        }
    }
    return keys;
}

void KeyTableModel::setRow(std::shared_ptr<const RowAnswer> row, std::vector<int> keys)
{
    beginResetModel();
    m_row = std::move(row);
    m_keys = std::move(keys);
    std::vector<int> rankOf(m_row ? m_row->order.size() : 0);
    for (std::size_t rank = 0; rank < rankOf.size(); ++rank) {
        rankOf[static_cast<std::size_t>(m_row->order[rank])] = static_cast<int>(rank) + 1;
    }
    m_ranks.clear();
    m_largestTerms = 0;
    for (std::size_t i = 0; i < m_keys.size(); ++i) {
        m_ranks.push_back(rankOf[static_cast<std::size_t>(m_keys[i])]);
        double right = 0, left = 0;
        for (const float term : termsAt(static_cast<int>(i))) {
            (term >= 0 ? right : left) += std::abs(term);
        }
        m_largestTerms = std::max({m_largestTerms, right, 2 * left}); // left of zero there is half the room
    }
    endResetModel();
}

int KeyTableModel::rankAt(int row) const { return m_ranks[static_cast<std::size_t>(row)]; }

int KeyTableModel::rowOfKey(int key) const
{
    const auto at = std::find(m_keys.begin(), m_keys.end(), key);
    return at == m_keys.end() ? -1 : static_cast<int>(at - m_keys.begin());
}

std::vector<float> KeyTableModel::termsAt(int row) const
{
    const std::size_t visible = m_row->row.attention.size();
    std::vector<float> terms;
    for (std::size_t at = static_cast<std::size_t>(keyAt(row)); at < m_row->row.terms.size(); at += visible) {
        terms.push_back(m_row->row.terms[at]);
    }
    return terms;
}

KeyState KeyTableModel::stateAt(int row) const { return m_row->row.state[static_cast<std::size_t>(keyAt(row))]; }

int KeyTableModel::rowCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_keys.size());
}

QVariant KeyTableModel::data(const QModelIndex &index, int role) const
{
    if (role != Qt::DisplayRole && role != Qt::AccessibleTextRole) {
        return {};
    }
    const int key = keyAt(index.row());
    const auto at = static_cast<std::size_t>(key);
    switch (index.column()) {
    case Rank:
        return QString::number(rankAt(index.row()));
    case Key:
        return QString::number(key);
    case State:
        return m_row->hasSelection ? stateText(stateAt(index.row())) : QString();
    case Context:
        return running(*m_row->request.snapshot, key - 4, key + 5);
    case Score:
        return m_row->hasIndexer
                   ? QString::number(m_row->row.score[at], 'f', 3).replace(QLatin1Char('-'), QChar(0x2212))
                   : QString();
    case Terms: {
        QStringList words;
        for (const float term : termsAt(index.row())) {
            words << QString::number(term, 'f', 3).replace(QLatin1Char('-'), QChar(0x2212));
        }
        return words.join(QLatin1Char(' '));
    }
    case Attention:
        return QString::number(m_row->attention[at], 'f', 4);
    default:
        return {};
    }
}

QVariant KeyTableModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    static const char *const kTitles[] = {"Rank", "Key", "", "Context", "Score", "Terms by indexer head", "Attention"};
    if (orientation != Qt::Horizontal) {
        return {};
    }
    if (role == Qt::DisplayRole) {
        return QString::fromLatin1(kTitles[section]);
    }
    if (role == Qt::TextAlignmentRole) {
        const bool left = section == Context || section == Terms;
        return static_cast<int>((left ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
    }
    return {};
}

KeyTable::KeyTable(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QTableView(parent)
    , m_viewState(viewState)
    , m_hoverState(hoverState)
{
    setObjectName(QStringLiteral("keyTable"));
    setAccessibleName(QStringLiteral("Keys of the query"));
    setModel(&m_model);
    setItemDelegate(new KeyDelegate(
        m_model, [this] { return markedKey(); }, this));
    setShowGrid(false);
    setMouseTracking(true);
    setSelectionMode(QAbstractItemView::NoSelection);
    setFocusPolicy(Qt::TabFocus); // a click leaves the arrows to the map
    setTabKeyNavigation(false);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    verticalHeader()->hide();
    verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    verticalHeader()->setDefaultSectionSize(kRowHeight);
    horizontalHeader()->setSectionsClickable(false);
    horizontalHeader()->setHighlightSections(false);
    horizontalHeader()->setMinimumSectionSize(16);
    connect(m_hoverState, &HoverState::changed, this, &KeyTable::hoverChanged);
    connect(m_viewState, &ViewState::changed, this, &KeyTable::showKeys);
    connect(this, &QTableView::clicked, this, [this](const QModelIndex &index) {
        m_viewState->setCell(m_row->request.query, m_model.keyAt(index.row()));
    });
}

int KeyTable::markedKey() const
{
    if (!m_row) {
        return -1;
    }
    const Hover &hover = m_hoverState->hover();
    return hover.query == m_row->request.query && hover.key >= 0 ? hover.key : m_viewState->view().key;
}

void KeyTable::setRow(std::shared_ptr<const RowAnswer> row)
{
    m_row = std::move(row);
    showKeys();
}

void KeyTable::setAllKeys(bool all)
{
    m_all = all;
    showKeys();
}

void KeyTable::showKeys()
{
    std::vector<int> keys = m_row ? keysWorthARow(*m_row, markedKey(), m_all) : std::vector<int>();
    bool same = m_model.row() == m_row && m_model.rowCount() == static_cast<int>(keys.size());
    for (int row = 0; same && row < m_model.rowCount(); ++row) {
        same = m_model.keyAt(row) == keys[static_cast<std::size_t>(row)];
    }
    if (!same) {
        m_model.setRow(m_row, std::move(keys));
        setColumnHidden(KeyTableModel::Score, m_row && !m_row->hasIndexer);
        setColumnHidden(KeyTableModel::Terms, m_row && !m_row->hasIndexer);
    }
    viewport()->update();
}

void KeyTable::hoverChanged()
{
    if (underMouse()) {
        viewport()->update(); // rows that come and go would run away from the pointer
        return;
    }
    showKeys();
    if (const int row = m_model.rowOfKey(markedKey()); row >= 0 && m_all) {
        scrollTo(m_model.index(row, 0));
    }
}

/// Up and down go to the key in the row above or below; everything else is the page's.
void KeyTable::keyPressEvent(QKeyEvent *event)
{
    const int by = event->key() == Qt::Key_Up ? -1 : event->key() == Qt::Key_Down ? 1 : 0;
    if (by == 0 || !m_row || m_model.rowCount() == 0) {
        event->ignore();
        return;
    }
    const int row = std::clamp(m_model.rowOfKey(m_viewState->view().key) + by, 0, m_model.rowCount() - 1);
    m_viewState->setCell(m_row->request.query, m_model.keyAt(row));
    scrollTo(m_model.index(m_model.rowOfKey(m_viewState->view().key), 0));
}

void KeyTable::mouseMoveEvent(QMouseEvent *event)
{
    const QModelIndex index = indexAt(event->position().toPoint());
    if (index.isValid() && m_row) {
        m_hoverState->setCell(m_row->request.query, m_model.keyAt(index.row()));
    } else {
        m_hoverState->clearCell();
    }
    QTableView::mouseMoveEvent(event);
}

void KeyTable::leaveEvent(QEvent *event)
{
    m_hoverState->clearCell();
    QTableView::leaveEvent(event);
}

void KeyTable::resizeEvent(QResizeEvent *event)
{
    QTableView::resizeEvent(event);
    const int rest = viewport()->width() - 44 - 44 - 20 - 66 - 82;
    const int widths[] = {44, 44, 20, rest * 58 / 100, 66, rest - rest * 58 / 100, 82};
    for (int column = 0; column < KeyTableModel::ColumnCount; ++column) {
        setColumnWidth(column, std::max(16, widths[column]));
    }
}

} // namespace sparsescope
