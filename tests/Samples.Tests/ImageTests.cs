using Microsoft.ML.Generative.Tests;
using Samples.Shared;
using SkiaSharp;

namespace Samples.Tests;

public class ImageTests
{
    [Fact]
    public void A_gray_sheet_has_every_pixel_in_its_place()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("sheet.png");
        ImageSheet.Save(path, [[0f, 0.2f, 1f, 2f], [1f, 1f, 0f, -1f], [0.6f, 0f, 0f, 0f]], 1, 2, 2, columns: 2, padding: 3, scale: 4);

        using var sheet = SKBitmap.Decode(path);
        // Two cells of 2·4 pixels and three paddings of 3, in both directions.
        Assert.Equal((25, 25), (sheet.Width, sheet.Height));
        Assert.Equal(SKColors.White, sheet.GetPixel(2, 2));
        Assert.Equal(SKColors.Black, sheet.GetPixel(3, 3));
        Assert.Equal(SKColors.Black, sheet.GetPixel(6, 6));
        Assert.Equal(new SKColor(51, 51, 51), sheet.GetPixel(7, 3));
        Assert.Equal(SKColors.White, sheet.GetPixel(10, 10));
        Assert.Equal(SKColors.Black, sheet.GetPixel(14, 7));
        Assert.Equal(SKColors.Black, sheet.GetPixel(21, 10));
        Assert.Equal(new SKColor(153, 153, 153), sheet.GetPixel(3, 14));
        Assert.Equal(SKColors.White, sheet.GetPixel(14, 14));
        Assert.Equal([path], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Color_planes_become_red_green_and_blue()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("rgb.png");
        ImageSheet.Save(path, [[1f, 0f, 0f, 0.2f, 0f, 0.4f]], 3, 1, 2, padding: 0, scale: 1);
        using var sheet = SKBitmap.Decode(path);
        Assert.Equal((2, 1), (sheet.Width, sheet.Height));
        Assert.Equal(new SKColor(255, 0, 0), sheet.GetPixel(0, 0));
        Assert.Equal(new SKColor(0, 51, 102), sheet.GetPixel(1, 0));
    }

    [Fact]
    public void An_image_of_the_wrong_size_is_named()
    {
        var error = Assert.Throws<ArgumentException>(() => ImageSheet.Save("unused.png", [new float[4], new float[5]], 1, 2, 2));
        Assert.Contains("Image 1 has 5 values", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Captions_are_drawn_beside_the_images()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("captions.png");
        ImageSheet.Save(path, [new float[100]], 1, 10, 10, padding: 0, scale: 2, columnCaptions: ["a"], rowCaptions: ["row"]);
        using var sheet = SKBitmap.Decode(path);
        Assert.True(Ink(sheet, new SKRectI(0, sheet.Height - 20, sheet.Width - 20, sheet.Height)) > 10);
        Assert.True(Ink(sheet, new SKRectI(sheet.Width - 20, 0, sheet.Width, sheet.Height - 20)) > 10);
    }

    [Fact]
    public void A_title_stands_above_the_sheet()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("title.png");
        ImageSheet.Save(path, [new float[100]], 1, 10, 10, padding: 2, scale: 20, columnCaptions: ["a"], title: "The title");
        using var sheet = SKBitmap.Decode(path);
        var (captions, title) = (sheet.Height - 204 - 20, sheet.Height - 204 - 30);
        Assert.True(Ink(sheet, new SKRectI(0, 0, sheet.Width, title)) > 50);
        Assert.InRange(Ink(sheet, new SKRectI(0, captions, sheet.Width, sheet.Height - 204)), 5, 50);
    }

    [Fact]
    public void Charts_hold_their_title_and_their_data()
    {
        using var folder = new TemporaryFolder();
        var title = new SKRectI(200, 0, 700, 40);
        void Check(string path, SKColor color)
        {
            using var chart = SKBitmap.Decode(path);
            Assert.Equal((900, 600), (chart.Width, chart.Height));
            Assert.Equal(SKColors.White, chart.GetPixel(0, 0));
            Assert.True(Ink(chart, title) > 100, $"{path} has no title");
            Assert.Contains(color, chart.Pixels);
        }

        Charts.Lines(folder.File("lines.png"), "The title", "x", "y", ("a", [(0, 1), (1, 3)]), ("b", [(0, 2), (1, double.NaN)]));
        Check(folder.File("lines.png"), new SKColor(0x1F, 0x77, 0xB4));
        Charts.Scatter(folder.File("scatter.png"), "The title", "x", "y", [(0, 0, 0), (1, 1, 1)], ["zero", "one"]);
        Check(folder.File("scatter.png"), new SKColor(0xFF, 0x7F, 0x0E));
        Charts.Histogram(folder.File("histogram.png"), "The title", "x", [("low", [1f, 2f, 2f]), ("high", [3f, 4f])], bins: 4);
        Check(folder.File("histogram.png"), new SKColor(0xFF, 0x7F, 0x0E));
    }

    [Fact]
    public void Charts_are_put_together_and_side_by_side()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("panels.png");
        Chart.SavePanels(path,
        [
            new Chart("Curves", "x", "y", logX: true, logY: true).Line("a", [(1e-6, 1), (1, 10)]).Points("b", [(0.1, 2)])
                .Line(null, [(1e-6, 2), (1, 2)], color: 3, dashed: true),
            new Chart("Plane", "x", "y", equalScale: true).Arrows("field", [(0, 0, 1, 1)], color: 3)
                .Mesh(new[,] { { (0.0, 0.0), (1, 0) }, { (0, 1), (1, 1) } }).Text(0.5, 0.5, "here"),
            new Chart("Valley", "x", "y").Contours((x, y) => x * x + y * y, (-1, 1), (-1, 1), 0.5),
        ], columns: 2, panelWidth: 400, panelHeight: 300);

        using var sheet = SKBitmap.Decode(path);
        Assert.Equal((800, 600), (sheet.Width, sheet.Height));
        for (var panel = 0; panel < 3; panel++)
            Assert.True(Ink(sheet, SKRectI.Create(panel % 2 * 400 + 100, panel / 2 * 300, 200, 40)) > 30, $"panel {panel} has no title");
        Assert.All(sheet.Pixels.Where((_, i) => i % 800 >= 400 && i / 800 >= 300), pixel => Assert.Equal(SKColors.White, pixel));
    }

    [Fact]
    public void A_heat_map_has_row_0_on_top()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("heat.png");
        new Chart("Heat", "column", "row").HeatMap(new double[,] { { 0, 0 }, { 0, 1 } }, "value").Save(path, 600, 600);
        using var map = SKBitmap.Decode(path);
        SKColor topLeft = map.GetPixel(150, 150), bottomRight = map.GetPixel(400, 430);
        Assert.Equal(topLeft, map.GetPixel(400, 150));
        Assert.Equal(topLeft, map.GetPixel(150, 430));
        // Viridis: dark violet is low, yellow is high.
        Assert.True(topLeft.Blue > topLeft.Green && bottomRight.Red > 200 && bottomRight.Blue < 100);
    }

    [Fact]
    public void Bars_are_as_high_as_their_values_and_every_group_needs_one()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("bars.png");
        new Chart("Bars", "name", "value").Bars(["one", "two"], ("a", [1, 4]), ("b", [2, 0])).Range(-0.6, 1.6, 0, 5).Save(path, 600, 600);
        using var sheet = SKBitmap.Decode(path);
        int Pixels(int x0, int x1, SKColor color) =>
            sheet.Pixels.Where((pixel, i) => i % 600 >= x0 && i % 600 < x1 && i / 600 > 150 && pixel == color).Count();
        SKColor a = new(0x1F, 0x77, 0xB4), b = new(0xFF, 0x7F, 0x0E);
        Assert.Equal(4, (double)Pixels(300, 600, a) / Pixels(0, 300, a), 0.3);
        Assert.Equal(2, (double)Pixels(0, 300, b) / Pixels(0, 300, a), 0.2);
        Assert.Equal(0, Pixels(300, 600, b));
        Assert.Contains("3 values; there are 2 names", Assert.Throws<ArgumentException>(() =>
            new Chart("Bars", "x", "y").Bars(["one", "two"], (null, [1, 2, 3]))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_chart_is_refused()
    {
        Assert.Contains(
            "'Nothing'", Assert.Throws<ArgumentException>(() => new Chart("Nothing", "x", "y").Save("unused.png")).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new Chart("Nothing", "x", "y").Line("a", [(double.NaN, 1)]).Save("unused.png"));
        Assert.Throws<ArgumentException>(() => Chart.SavePanels("unused.png", []));
    }

    [Fact]
    public void A_point_without_a_class_name_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Charts.Scatter("unused.png", "t", "x", "y", [(0, 0, 2)], ["zero", "one"]));

    private static int Ink(SKBitmap image, SKRectI area)
    {
        var dark = 0;
        for (var y = area.Top; y < area.Bottom; y++)
        {
            for (var x = area.Left; x < area.Right; x++)
                dark += image.GetPixel(x, y).Red < 160 ? 1 : 0;
        }
        return dark;
    }
}
