#include "widgets/style/combo_box.h"
#include "widgets/style/theme.h"

#include <QAbstractItemView>
#include <QApplication>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTest>
#include <QVBoxLayout>

using namespace sparsescope;

namespace {

class Counted : public QWidget {
public:
    using QWidget::QWidget;
    int styles = 0;

protected:
    void changeEvent(QEvent *event) override
    {
        styles += event->type() == QEvent::StyleChange ? 1 : 0;
        QWidget::changeEvent(event);
    }
};

} // namespace

class tst_Theme : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void goesThroughEveryWidgetOnce();
    void leavesNothingOfTheOther();
    void aListIsMadeWhenItIsOpened();
};

void tst_Theme::goesThroughEveryWidgetOnce()
{
    applyTheme(*qApp, Theme::Light);
    Counted outermost;
    Counted *inner = &outermost;
    for (int depth = 0; depth < 8; ++depth) {
        inner = new Counted(inner);
    }
    outermost.show();
    outermost.styles = inner->styles = 0;
    applyTheme(*qApp, Theme::Dark);
    QCOMPARE(outermost.styles, 1);
    QCOMPARE(inner->styles, 1);
}

void tst_Theme::leavesNothingOfTheOther()
{
    applyTheme(*qApp, Theme::Light);
    QWidget window;
    setRole(&window, "page");
    auto *layout = new QVBoxLayout(&window);
    auto *title = new QLabel(QStringLiteral("Title"));
    setRole(title, "title");
    auto *button = new QPushButton(QStringLiteral("Add"));
    setRole(button, "primary");
    auto *field = new QLineEdit(QStringLiteral("256"));
    field->setProperty("bad", true);
    auto *combo = new ComboBox;
    combo->addItems({QStringLiteral("one"), QStringLiteral("another")});
    for (QWidget *widget : std::initializer_list<QWidget *>{title, button, field, combo}) {
        layout->addWidget(widget);
    }
    window.show();
    const QImage light = window.grab().toImage();
    const QSize size = window.sizeHint();
    applyTheme(*qApp, Theme::Dark);
    const QImage dark = window.grab().toImage();
    QVERIFY(dark != light);
    QCOMPARE(dark.pixelColor(1, 1), currentTokens().window);
    QCOMPARE(window.sizeHint(), size);
    applyTheme(*qApp, Theme::Light);
    QCOMPARE(window.grab().toImage(), light);
}

void tst_Theme::aListIsMadeWhenItIsOpened()
{
    applyTheme(*qApp, Theme::Light);
    ComboBox combo;
    combo.addItems({QStringLiteral("one"), QStringLiteral("another")});
    combo.show();
    applyTheme(*qApp, Theme::Dark);
    QVERIFY(combo.findChild<QAbstractItemView *>() == nullptr);
    combo.showPopup();
    auto *list = combo.findChild<QAbstractItemView *>();
    QVERIFY(list != nullptr);
    QCOMPARE(list->palette().color(QPalette::Base), currentTokens().panel);
    applyTheme(*qApp, Theme::Light);
    QCOMPARE(list->palette().color(QPalette::Base), currentTokens().panel);
}

QTEST_MAIN(tst_Theme)
#include "tst_theme.moc"
