using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>
/// Draws a digit as a hand might: a shape of it with wobbling points, bent, slanted, turned, sized and placed at random, in a
/// pen of random thickness.
/// </summary>
/// <remarks>
/// Only +, −, ×, ÷, comparisons and square roots of Single are used. IEEE 754 fixes their results to the last bit and .NET
/// neither reorders nor fuses them, so an image has the same bytes on every machine.
/// </remarks>
internal static class DigitPainter
{
    /// <summary>Width and height of an image.</summary>
    public const int Side = 28;

    private const float Middle = Side / 2f;
    private const int PiecesPerSpan = 5;

    /// <summary>Draws white on black; every byte is written.</summary>
    public static void Paint(int digit, ref RowRandom random, Span<byte> pixels)
    {
        var shape = Choose(DigitShape.OfDigits[digit], ref random);
        Span<float> points = stackalloc float[2 * DigitShape.MostPoints];
        points = points[..shape.Points.Length];
        shape.Points.CopyTo(points);

        Wobble(points, ref random);
        Place(points, ref random);

        Span<float> ink = stackalloc float[Side * Side];
        StrokeCanvas canvas = new(ink, Side);
        var radius = random.Between(0.75f, 1.75f);
        foreach (var stroke in shape.Strokes)
            Draw(canvas, points, stroke, radius, ref random);
        canvas.Develop(random.Between(1f, 1.7f), pixels);
    }

    private static DigitShape Choose(DigitShape[] shapes, ref RowRandom random)
    {
        var total = 0;
        foreach (var shape in shapes)
            total += shape.Weight;
        var left = random.Next(total);
        foreach (var shape in shapes)
        {
            left -= shape.Weight;
            if (left < 0)
                return shape;
        }
        return shapes[^1];
    }

    /// <summary>Moves each point a little, and all of them together along smooth bends.</summary>
    private static void Wobble(Span<float> points, ref RowRandom random)
    {
        var bendX = 0.14f * random.NextBell();
        var bendY = 0.10f * random.NextBell();
        var growX = 0.16f * random.NextBell();
        var growY = 0.12f * random.NextBell();
        for (var i = 0; i < points.Length; i += 2)
        {
            var x = points[i] - 0.5f;
            var y = points[i + 1] - 0.5f;
            points[i] = x + bendX * (y * y - 0.1f) + growX * x * y + 0.034f * random.NextBell();
            points[i + 1] = y + bendY * (x * x - 0.05f) + growY * y * y + 0.034f * random.NextBell();
        }
    }

    /// <summary>Stretches, slants and turns the points about the origin, then brings them to their size and place in the image.</summary>
    private static void Place(Span<float> points, ref RowRandom random)
    {
        var width = random.Between(0.75f, 1.2f);
        var slant = 0.14f + 0.20f * random.NextBell();
        var angle = 0.09f * random.NextBell();
        // The series is exact to a few units in the last place for such angles, and unlike Sin and Cos the same everywhere.
        var square = angle * angle;
        var sine = angle * (1f - square / 6f * (1f - square / 20f));
        var cosine = 1f - square / 2f * (1f - square / 12f);

        float left = float.MaxValue, right = float.MinValue, top = float.MaxValue, bottom = float.MinValue;
        for (var i = 0; i < points.Length; i += 2)
        {
            var x = width * points[i] - slant * points[i + 1];
            var y = points[i + 1];
            (points[i], points[i + 1]) = (x * cosine - y * sine, x * sine + y * cosine);
            left = Math.Min(left, points[i]);
            right = Math.Max(right, points[i]);
            top = Math.Min(top, points[i + 1]);
            bottom = Math.Max(bottom, points[i + 1]);
        }

        var scale = Math.Min(random.Between(16.5f, 20f) / (bottom - top), 20f / (right - left));
        var shiftX = Middle + 0.8f * random.NextBell() - scale * (left + right) / 2f;
        var shiftY = Middle + 0.8f * random.NextBell() - scale * (top + bottom) / 2f;
        for (var i = 0; i < points.Length; i += 2)
        {
            points[i] = scale * points[i] + shiftX;
            points[i + 1] = scale * points[i + 1] + shiftY;
        }
    }

    /// <summary>Draws a Catmull–Rom curve through the points of a stroke, in short straight pieces, the pen pressed unevenly.</summary>
    private static void Draw(StrokeCanvas canvas, ReadOnlySpan<float> points, int[] stroke, float radius, ref RowRandom random)
    {
        var closed = stroke[0] == stroke[^1];
        var pressure = radius * (1f + 0.10f * random.NextBell());
        var spans = stroke.Length - 1;
        var (x, y) = Point(points, stroke[0]);
        for (var span = 0; span < spans; span++)
        {
            var (x1, y1) = Point(points, stroke[span]);
            var (x2, y2) = Point(points, stroke[span + 1]);
            var (x0, y0) = span > 0 ? Point(points, stroke[span - 1]) : closed ? Point(points, stroke[^2]) : (x1, y1);
            var (x3, y3) = span + 2 <= spans ? Point(points, stroke[span + 2]) : closed ? Point(points, stroke[1]) : (x2, y2);
            var next = radius * (1f + 0.10f * random.NextBell());
            for (var piece = 1; piece <= PiecesPerSpan; piece++)
            {
                var t = (float)piece / PiecesPerSpan;
                var (toX, toY) = (Curve(x0, x1, x2, x3, t), Curve(y0, y1, y2, y3, t));
                canvas.Line(x, y, toX, toY, pressure + (next - pressure) * t);
                (x, y) = (toX, toY);
            }
            pressure = next;
        }
    }

    private static (float X, float Y) Point(ReadOnlySpan<float> points, int number) => (points[2 * number], points[2 * number + 1]);

    /// <summary>The uniform Catmull–Rom curve between its second and third value.</summary>
    private static float Curve(float a, float b, float c, float d, float t) =>
        0.5f * (2f * b + t * (c - a + t * (2f * a - 5f * b + 4f * c - d + t * (3f * (b - c) + d - a))));
}
