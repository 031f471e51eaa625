using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Images;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Music;

/// <summary>Draws a piece as a piano roll: time to the right, pitch upwards, a color for each voice, a line for each bar.</summary>
/// <example>
/// <code>
/// PianoRollImage.Save("song.png", MidiFile.Read("song.mid"));
/// </code>
/// </example>
public static class PianoRollImage
{
    private const int PixelsPerQuarter = 24;
    private const int PixelsPerPitch = 7;
    private const int MostWidth = 16_384;
    private const int Margin = 2;

    private static readonly (byte R, byte G, byte B)[] _colors =
        [(0xC4, 0x3D, 0x3D), (0x2E, 0x7D, 0x32), (0x1F, 0x5F, 0xBF), (0x8E, 0x44, 0xAD), (0xC7, 0x7C, 0x02), (0x00, 0x83, 0x8F)];

    /// <summary>Draws a piece.</summary>
    /// <param name="piece">The piece; behind pixel 16,384, 682 quarter notes, it is cut off.</param>
    /// <returns>The image, 24 pixels a quarter note.</returns>
    public static MLImage Draw(NoteSequence piece)
    {
        ArgumentNullException.ThrowIfNull(piece);
        int lowest = piece.Notes.Count == 0 ? 60 : piece.Notes.Min(note => note.Pitch);
        int highest = piece.Notes.Count == 0 ? 72 : piece.Notes.Max(note => note.Pitch);
        (lowest, highest) = (Math.Max(0, lowest - Margin), Math.Min(NoteSequence.HighestPitch, highest + Margin));
        int width = Math.Clamp(X(piece, piece.EndTick) + 1, PixelsPerQuarter, MostWidth), height = (highest - lowest + 1) * PixelsPerPitch;
        byte[] pixels = new byte[4 * width * height];
        for (int pitch = lowest; pitch <= highest; pitch++)
        {
            bool isBlack = pitch % 12 is 1 or 3 or 6 or 8 or 10;
            byte gray = isBlack ? (byte)0xEC : (byte)0xFA;
            Fill(0, width, pitch, (gray, gray, gray), full: true);
        }

        MeterChange meter = piece.Meters is [{ } first, ..] ? first : new MeterChange(0, 4, 4);
        long bar = Math.Max(1, 4L * piece.TicksPerQuarter * meter.Numerator / meter.Denominator);
        for (long tick = 0; X(piece, tick) < width; tick += bar)
        {
            for (int y = 0; y < height; y++)
                Set(X(piece, tick), y, (0xC8, 0xC8, 0xC8));
        }

        foreach (Note note in piece.Notes)
        {
            int start = X(piece, note.Start);
            Fill(start, Math.Max(start + 2, X(piece, note.End)) - 1, note.Pitch, _colors[note.Voice % _colors.Length], full: false);
        }

        return MLImage.CreateFromPixels(width, height, MLPixelFormat.Rgba32, pixels);

        void Fill(int from, int to, int pitch, (byte, byte, byte) color, bool full)
        {
            int top = (highest - pitch) * PixelsPerPitch;
            for (int y = top + (full ? 0 : 1); y < top + PixelsPerPitch - (full ? 0 : 1); y++)
            {
                for (int x = from; x < Math.Min(to, width); x++)
                    Set(x, y, color);
            }
        }

        void Set(int x, int y, (byte R, byte G, byte B) color)
        {
            int place = 4 * (y * width + x);
            (pixels[place], pixels[place + 1], pixels[place + 2], pixels[place + 3]) = (color.R, color.G, color.B, byte.MaxValue);
        }
    }

    /// <summary>Draws a piece as a PNG file.</summary>
    /// <param name="piece">The piece.</param>
    /// <returns>The file's bytes.</returns>
    public static byte[] ToPng(NoteSequence piece)
    {
        using MLImage image = Draw(piece);
        return ImageGrid.ToPng(image);
    }

    /// <summary>Draws a piece to a PNG file. It appears under its name only when it is complete.</summary>
    /// <param name="path">The file.</param>
    /// <param name="piece">The piece.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(string path, NoteSequence piece)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        byte[] png = ToPng(piece);
        AtomicFile.Write(path, stream => stream.Write(png));
    }

    private static int X(NoteSequence piece, long tick) => (int)Math.Min(MostWidth, tick * PixelsPerQuarter / piece.TicksPerQuarter);
}
