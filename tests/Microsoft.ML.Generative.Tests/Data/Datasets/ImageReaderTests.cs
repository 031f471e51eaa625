using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Datasets;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Transforms.Image;
using SkiaSharp;
using TorchSharp;
using static Microsoft.ML.Transforms.Image.ImageResizingEstimator;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What becomes of an image file.</summary>
public sealed class ImageReaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Pixels_become_planes_of_red_green_and_blue()
    {
        var png = Images.Encode(3, 2, (x, y) => new SKColor((byte)(10 * x + y), (byte)(100 + 10 * x + y), (byte)(200 + 10 * x + y)));

        byte[] red = [0, 10, 20, 1, 11, 21];
        Assert.Equal([.. red, .. red.Select(v => (byte)(v + 100)), .. red.Select(v => (byte)(v + 200))], Read(png, new(3, 2, 3)));
    }

    [Theory]
    [InlineData(255, 0, 0, 76)]
    [InlineData(0, 255, 0, 150)]
    [InlineData(0, 0, 255, 29)]
    [InlineData(10, 200, 90, 131)]
    [InlineData(255, 255, 255, 255)]
    public void One_channel_is_luma(byte red, byte green, byte blue, byte luma) =>
        Assert.Equal([luma, luma], Read(Images.Encode(2, 1, (_, _) => new SKColor(red, green, blue)), new(1, 1, 2)));

    [Theory]
    [InlineData(SKEncodedImageFormat.Png, 0)]
    [InlineData(SKEncodedImageFormat.Jpeg, 3)]
    [InlineData(SKEncodedImageFormat.Webp, 8)]
    public void Formats_that_are_written_are_read(SKEncodedImageFormat format, int tolerance)
    {
        var planes = Read(Images.Encode(16, 16, (x, y) => Images.Quarters(x, y, 16, 16), format), new(3, 16, 16));
        AssertColors(planes, 16, [(0, 0, 255, 0, 0), (15, 0, 0, 255, 0), (15, 15, 0, 0, 255), (0, 15, 255, 255, 255)], tolerance);
    }

    [Fact]
    public void A_BMP_file_is_read() =>
        AssertColors(Read(Images.Bmp(5, 4, (x, y) => new SKColor((byte)x, (byte)y, 9)), new(3, 4, 5)), 5,
        [
            (0, 0, 0, 0, 9), (4, 0, 4, 0, 9), (3, 2, 3, 2, 9), (0, 3, 0, 3, 9),
        ]);

    [Fact]
    public void A_GIF_file_is_read() =>
        AssertColors(Read(Images.Gif(), new(3, 10, 10)), 10,
        [
            (0, 0, 255, 0, 0), (9, 0, 0, 0, 255), (5, 5, 255, 255, 255), (0, 9, 0, 0, 255), (9, 9, 255, 0, 0),
        ]);

    // What is at the top left, top right, bottom right and bottom left of a stored image with red, green, blue and white there.
    [Theory]
    [InlineData(1, "rgbw")]
    [InlineData(2, "grwb")]
    [InlineData(3, "bwrg")]
    [InlineData(4, "wbgr")]
    [InlineData(5, "rwbg")]
    [InlineData(6, "wrgb")]
    [InlineData(7, "bgrw")]
    [InlineData(8, "gbwr")]
    public void Images_are_turned_upright(byte orientation, string expected)
    {
        var jpeg = Images.WithOrientation(
            Images.Encode(32, 16, (x, y) => Images.Quarters(x, y, 32, 16), SKEncodedImageFormat.Jpeg), orientation);
        var (width, height) = orientation < 5 ? (32, 16) : (16, 32);

        var planes = Read(jpeg, new(3, height, width));

        var corners = new[] { (2, 2), (width - 3, 2), (width - 3, height - 3), (2, height - 3) };
        AssertColors(planes, width, [.. corners.Zip(expected, (at, name) => (
            at.Item1, at.Item2, name is 'r' or 'w' ? 255 : 0, name is 'g' or 'w' ? 255 : 0, name is 'b' or 'w' ? 255 : 0))], tolerance: 12);
    }

    [Fact]
    public void Transparent_parts_become_black() =>
        Assert.Equal([0, 128, 255], Read(
            Images.Encode(3, 1, (x, _) => new SKColor(255, 255, 255, (byte)(x == 1 ? 128 : 255 * x / 2))), new(1, 1, 3)));

    // The image has 8×4 pixels: red columns 0 and 1, green ones up to 5, blue ones.
    [Theory]
    [InlineData(ResizingKind.IsoCrop, 4, 4, "gggg")]
    [InlineData(ResizingKind.Fill, 8, 8, "rrggggbb")]
    [InlineData(ResizingKind.IsoPad, 8, 4, "rrggggbb")]
    public void Other_proportions_are_cropped_or_stretched(ResizingKind resizing, int width, int height, string row)
    {
        var planes = Read(Striped(8, 4), new(3, height, width), resizing);
        Assert.All(Enumerable.Range(0, height), y => Assert.Equal(row, Row(planes, width, height, y)));
    }

    [Fact]
    public void A_wide_image_is_padded_above_and_below()
    {
        var planes = Read(Striped(8, 4), new(3, 8, 8), ResizingKind.IsoPad);
        Assert.Equal(
            ["........", "........", "rrggggbb", "rrggggbb", "rrggggbb", "rrggggbb", "........", "........"],
            Enumerable.Range(0, 8).Select(y => Row(planes, 8, 8, y)));
    }

    [Fact]
    public void A_tall_image_is_padded_left_and_right_and_cropped_above_and_below()
    {
        var tall = Images.Encode(4, 8, (_, y) => Stripe(y, 8));
        Assert.Equal(["..rrrr..", "..rrrr..", "..gggg..", "..gggg..", "..gggg..", "..gggg..", "..bbbb..", "..bbbb.."],
            Enumerable.Range(0, 8).Select(y => Row(Read(tall, new(3, 8, 8), ResizingKind.IsoPad), 8, 8, y)));
        Assert.All(Enumerable.Range(0, 4), y => Assert.Equal("gggg", Row(Read(tall, new(3, 4, 4)), 4, 4, y)));
    }

    [Theory]
    [InlineData(37, 23, 16, 16, ResizingKind.Fill)]
    [InlineData(64, 64, 32, 32, ResizingKind.IsoCrop)]
    [InlineData(50, 40, 7, 11, ResizingKind.Fill)]
    [InlineData(5, 7, 32, 48, ResizingKind.Fill)]
    [InlineData(9, 30, 20, 10, ResizingKind.Fill)]
    public void Resizing_is_what_PyTorch_does_with_antialiasing(int width, int height, int newWidth, int newHeight, ResizingKind resizing)
    {
        TorchRuntime.EnsureLoaded();
        Random random = new(width);
        byte[] values = new byte[3 * width * height];
        random.NextBytes(values);
        var png = Images.Encode(width, height, (x, y) =>
        {
            var pixel = y * width + x;
            return new SKColor(values[pixel], values[width * height + pixel], values[2 * width * height + pixel]);
        });

        var planes = Read(png, new(3, newHeight, newWidth), resizing);

        using var scope = torch.NewDisposeScope();
        var source = torch.tensor(values, [1, 3, height, width]).to(torch.float32);
        var expected = torch.nn.functional.interpolate(
            source, [newHeight, newWidth], mode: torch.InterpolationMode.Bilinear, align_corners: false, antialias: true);
        var differences = TensorMemory.ToArray<float>(expected.flatten()).Zip(planes, (e, p) => Math.Abs(e - p));
        Assert.InRange(differences.Max(), 0, 0.501);
    }

    [Fact]
    public void Fine_patterns_turn_into_their_mean()
    {
        var board = Images.Encode(256, 256, (x, y) => (x + y) % 2 == 0 ? SKColors.White : SKColors.Black);
        Assert.All(Read(board, new(1, 17, 17)), value => Assert.InRange(value, 126, 129));
    }

    [Theory]
    [InlineData(SKEncodedImageFormat.Png)]
    [InlineData(SKEncodedImageFormat.Jpeg)]
    [InlineData(SKEncodedImageFormat.Webp)]
    public void A_file_that_is_cut_off_is_refused_by_name(SKEncodedImageFormat format)
    {
        var file = Images.Encode(64, 64, (x, y) => new SKColor((byte)(x * 37 + y * 91), (byte)(x * y), (byte)(x ^ y)), format);
        foreach (var length in new[] { 0, 1, 20, file.Length / 4, file.Length / 2, file.Length * 9 / 10 })
        {
            var message = Assert.Throws<InvalidDataException>(() => Read(file[..length], new(3, 8, 8))).Message;
            Assert.StartsWith($"The image '{_folder.File("image")}' cannot be used: ", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Damage_in_a_PNG_file_is_refused_by_name()
    {
        var file = Images.Encode(64, 64, (x, y) => new SKColor((byte)(x * 37 + y * 91), (byte)(x * y), (byte)(x ^ y)));
        file[file.Length / 2] ^= 0x55;
        Assert.Contains("'", Assert.Throws<InvalidDataException>(() => Read(file, new(3, 8, 8))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(40_000, 40_000)]
    [InlineData(100_000, 10)]
    public void A_file_that_claims_a_huge_image_is_refused_before_there_is_room_for_it(int width, int height) =>
        Assert.Contains($"{width:N0}×{height:N0}", Assert.Throws<InvalidDataException>(() =>
            Read(Images.PngHeader(width, height), new(3, 8, 8))).Message, StringComparison.Ordinal);

    private byte[] Read(byte[] file, ImageShape shape, ResizingKind resizing = ResizingKind.IsoCrop)
    {
        File.WriteAllBytes(_folder.File("image"), file);
        var planes = new byte[shape.Size];
        Array.Fill(planes, (byte)77);
        new ImageReader(shape, resizing).Read(_folder.File("image"), planes);
        return planes;
    }

    private static byte[] Striped(int width, int height) => Images.Encode(width, height, (x, _) => Stripe(x, width));

    private static SKColor Stripe(int place, int length) =>
        place < length / 4 ? SKColors.Red : place < length * 3 / 4 ? new SKColor(0, 255, 0) : SKColors.Blue;

    // Names the colors of a row by their letters, black by a dot. Only one of a pixel's three values is not small.
    private static string Row(byte[] planes, int width, int height, int y) => string.Concat(Enumerable.Range(0, width).Select(x =>
        "rgb".Zip(Enumerable.Range(0, 3), (name, c) => (name, Value: planes[(c * height + y) * width + x])).Where(c => c.Value > 128)
            .Select(c => c.name).Append('.').First()));

    private static void AssertColors(byte[] planes, int width, (int X, int Y, int Red, int Green, int Blue)[] expected, int tolerance = 0)
    {
        var size = planes.Length / 3;
        foreach (var (x, y, red, green, blue) in expected)
        {
            foreach (var (value, plane) in new[] { (red, 0), (green, 1), (blue, 2) })
                Assert.True(
                    Math.Abs(value - planes[plane * size + y * width + x]) <= tolerance,
                    $"({x}, {y}), plane {plane}: {planes[plane * size + y * width + x]}, expected {value}");
        }
    }
}
