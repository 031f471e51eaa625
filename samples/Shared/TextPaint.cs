using SkiaSharp;

namespace Samples.Shared;

/// <summary>The text of all images: its font is embedded, so that it looks the same on a machine without fonts.</summary>
internal static class TextPaint
{
    private static readonly Lazy<SKTypeface> _typeface = new(Load);

    /// <summary>A paint for text of a size in pixels; the caller disposes it.</summary>
    public static SKPaint Create(float size, SKColor color, bool bold = false) => new()
    {
        Typeface = _typeface.Value,
        TextSize = size,
        Color = color,
        FakeBoldText = bold,
        IsAntialias = true,
        SubpixelText = true,
        HintingLevel = SKPaintHinting.NoHinting,
    };

    private static SKTypeface Load()
    {
        using var stream = typeof(TextPaint).Assembly.GetManifestResourceStream("DejaVuSans.ttf")!;
        using var data = SKData.Create(stream);
        return SKTypeface.FromData(data)
            ?? throw new InvalidOperationException("The embedded font DejaVuSans.ttf cannot be read by SkiaSharp.");
    }
}
