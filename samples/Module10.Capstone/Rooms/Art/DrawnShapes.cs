using Microsoft.ML;
using Microsoft.ML.Data;
using SkiaSharp;

namespace Module10.Rooms.Art;

/// <summary>Images of shapes in colors, drawn at a random place, size and angle: data for the model, without any file.</summary>
internal static class DrawnShapes
{
    /// <summary>Width and height in pixels.</summary>
    public const int Side = 24;

    public static readonly string[] Shapes = ["circle", "square", "triangle", "star", "heart", "moon"];

    public static readonly (string Name, SKColor Value)[] Colors =
    [
        ("red", new(0xD7, 0x2B, 0x2B)), ("orange", new(0xF2, 0x8C, 0x1E)), ("yellow", new(0xF4, 0xCF, 0x2A)),
        ("green", new(0x2F, 0x9E, 0x44)), ("blue", new(0x25, 0x62, 0xD9)), ("purple", new(0x8A, 0x3F, 0xC2)),
    ];

    private static readonly SKColor _paper = new(0xF7, 0xF3, 0xE9);

    /// <summary>The classes, such as "red star", in the order of their numbers.</summary>
    public static readonly string[] ClassNames =
        [.. Colors.SelectMany(color => Shapes.Select(shape => $"{color.Name} {shape}"))];

    /// <summary>Rows with the columns Image and Label; the same seed gives the same.</summary>
    public static IDataView Draw(MLContext ml, int count, int seed)
    {
        IDataView rows = ml.Data.LoadFromEnumerable(Rows(count, seed));
        IDataView names = ml.Data.LoadFromEnumerable(ClassNames.Select(name => new NameRow { Name = name }));
        return ml.Transforms.Conversion.MapValueToKey("Label", nameof(Row.Name), keyData: names).Fit(rows).Transform(rows);
    }

    /// <summary>One drawing of a class: red, green and blue plane, values in 0..1.</summary>
    public static float[] DrawOne(int label, int seed) => Array.ConvertAll(Paint(label, new Random(seed)), value => value / 255f);

    private static IEnumerable<Row> Rows(int count, int seed)
    {
        for (int i = 0; i < count; i++)
        {
            int label = i % ClassNames.Length;
            yield return new Row { Image = Paint(label, new Random(seed * 1_000_003 + i)), Name = ClassNames[label] };
        }
    }

    private static byte[] Paint(int label, Random random)
    {
        (int color, int shape) = Math.DivRem(label, Shapes.Length);
        using var bitmap = new SKBitmap(new SKImageInfo(Side, Side, SKColorType.Rgba8888, SKAlphaType.Opaque));
        using var canvas = new SKCanvas(bitmap);
        using var paint = new SKPaint { IsAntialias = true, Color = Colors[color].Value };
        using SKPath path = Outline(Shapes[shape]);
        canvas.Clear(_paper);
        canvas.Translate(Between(random, 10, 14), Between(random, 10, 14));
        canvas.RotateDegrees(Between(random, -15, 15));
        canvas.Scale(Between(random, 6, 9));
        canvas.DrawPath(path, paint);
        canvas.Flush();
        return Planes(bitmap);
    }

    // Within −1..1 in both directions.
    private static SKPath Outline(string shape)
    {
        var path = new SKPath();
        switch (shape)
        {
            case "circle":
                path.AddCircle(0, 0, 1);
                break;
            case "square":
                path.AddRect(new SKRect(-0.9f, -0.9f, 0.9f, 0.9f));
                break;
            case "triangle":
                path.AddPoly(Corners(3, _ => 1.15f));
                break;
            case "star":
                path.AddPoly(Corners(10, i => i % 2 == 0 ? 1.2f : 0.5f));
                break;
            case "heart":
                path.MoveTo(0, 1);
                path.CubicTo(-1.7f, -0.2f, -0.8f, -1.4f, 0, -0.5f);
                path.CubicTo(0.8f, -1.4f, 1.7f, -0.2f, 0, 1);
                path.Close();
                break;
            default:
                path.AddCircle(0, 0, 1.05f);
                using (var bite = new SKPath())
                {
                    bite.AddCircle(0.55f, -0.2f, 0.85f);
                    path.Op(bite, SKPathOp.Difference, path);
                }

                break;
        }

        return path;
    }

    private static SKPoint[] Corners(int count, Func<int, float> radius) => [.. Enumerable.Range(0, count).Select(i =>
    {
        float angle = MathF.Tau * i / count;
        return new SKPoint(radius(i) * MathF.Sin(angle), -radius(i) * MathF.Cos(angle));
    })];

    private static float Between(Random random, float low, float high) => low + (high - low) * random.NextSingle();

    private static byte[] Planes(SKBitmap bitmap)
    {
        const int Plane = Side * Side;
        byte[] planes = new byte[3 * Plane];
        ReadOnlySpan<byte> pixels = bitmap.GetPixelSpan();
        for (int i = 0; i < Plane; i++)
        {
            for (int channel = 0; channel < 3; channel++)
                planes[channel * Plane + i] = pixels[4 * i + channel];
        }

        return planes;
    }

    private sealed class Row
    {
        [VectorType(3, Side, Side)]
        public byte[] Image { get; set; } = [];

        public string Name { get; set; } = "";
    }

    private sealed class NameRow
    {
        public string Name { get; set; } = "";
    }
}
