namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>
/// A square image in which lines are rendered by distance: each pixel keeps how deep its center lies within the nearest line.
/// </summary>
internal readonly ref struct StrokeCanvas
{
    // Deeper than any soft edge reaches: what no line comes near is black.
    private const float Far = -8f;

    // Soft edges reach half their width beyond the line; Develop allows for no more than this.
    private const float MostSoftness = 2f;

    private readonly Span<float> _depth;
    private readonly int _side;

    /// <param name="depth">Room for one number a pixel.</param>
    /// <param name="side">Width and height.</param>
    public StrokeCanvas(Span<float> depth, int side)
    {
        _depth = depth;
        _side = side;
        depth.Fill(Far);
    }

    /// <summary>Draws a line with round ends; the center of the top left pixel is at 0.5, 0.5.</summary>
    public void Line(float x1, float y1, float x2, float y2, float radius)
    {
        var reach = radius + MostSoftness / 2f;
        var left = Math.Max(0, (int)(Math.Min(x1, x2) - reach));
        var right = Math.Min(_side - 1, (int)(Math.Max(x1, x2) + reach));
        var top = Math.Max(0, (int)(Math.Min(y1, y2) - reach));
        var bottom = Math.Min(_side - 1, (int)(Math.Max(y1, y2) + reach));

        var (dx, dy) = (x2 - x1, y2 - y1);
        var square = dx * dx + dy * dy;
        var perSquare = square > 1e-6f ? 1f / square : 0f;
        for (var row = top; row <= bottom; row++)
        {
            var py = row + 0.5f - y1;
            var line = _depth.Slice(row * _side, _side);
            for (var column = left; column <= right; column++)
            {
                var px = column + 0.5f - x1;
                var along = Math.Clamp((px * dx + py * dy) * perSquare, 0f, 1f);
                var (offX, offY) = (px - along * dx, py - along * dy);
                line[column] = Math.Max(line[column], radius - MathF.Sqrt(offX * offX + offY * offY));
            }
        }
    }

    /// <summary>Turns depths into gray: 255 within a line, 0 outside, half-way at its edge.</summary>
    /// <param name="softness">Width of the edge in pixels, up to 2.</param>
    /// <param name="pixels">One byte a pixel.</param>
    public void Develop(float softness, Span<byte> pixels)
    {
        var scale = 255f / softness;
        for (var i = 0; i < _depth.Length; i++)
            pixels[i] = (byte)Math.Clamp(_depth[i] * scale + 128f, 0f, 255f);
    }
}
