using System.Buffers.Binary;
using Microsoft.ML.Generative.Music;
using SkiaSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class SynthesizerTests
{
    private const int Rate = 16_000;

    private static readonly SynthesizerOptions _dry = new() { SampleRate = Rate, Reverb = 0 };

    [Theory]
    [InlineData(69, 0, 440.0)]
    [InlineData(60, 0, 261.6256)]
    [InlineData(81, 0, 880.0)]
    [InlineData(69, 100, 466.1638)]
    public void A_tone_has_the_frequency_of_its_pitch(int pitch, double tuning, double frequency)
    {
        float[] left = Left(Synthesizer.Render(
            Pieces.Melody(960, pitch), new SynthesizerOptions { SampleRate = Rate, Reverb = 0, Tuning = tuning }));
        double own = Power(left, frequency);
        // A quarter tone beside it, and between its harmonics, there is little.
        foreach (double factor in (double[])[0.9715, 1.0293, 1.5, 2.5])
            Assert.True(own > 30 * Power(left, factor * frequency), $"{factor} × {frequency}");
        Assert.True(Power(left, 2 * frequency) > own / 30);
    }

    [Fact]
    public void All_instruments_sound_at_their_pitch_for_their_time()
    {
        for (int instrument = 0; instrument < 128; instrument += 8)
        {
            var note = new Note(69, 480, 480) { Instrument = instrument };
            float[] left = Left(Synthesizer.Render(new NoteSequence(480, [note]), _dry));
            Assert.Equal(0, Energy(left, 0, 0.49));
            Assert.True(Energy(left, 0.5, 1) > 1000 * Energy(left, 2.3, 3));
            Assert.True(Power(left, 440) > 10 * Power(left, 415));
        }
    }

    [Fact]
    public void Loudness_follows_velocity_and_tempo_moves_notes()
    {
        var piece = new NoteSequence(
            480, [new Note(69, 0, 240) { Velocity = 127 }, new Note(69, 480, 240) { Velocity = 40 }], [new TempoChange(0, 1_000_000)]);
        float[] left = Left(Synthesizer.Render(piece, _dry));
        Assert.True(Energy(left, 0, 0.5) > 20 * Energy(left, 1, 1.5));
        Assert.True(Energy(left, 1, 1.5) > 100 * Energy(left, 0.95, 1));
        Assert.Equal(0.89f, left.Concat(Synthesizer.Render(piece, _dry)).Max(Math.Abs), 4);
    }

    [Fact]
    public void A_room_rings_on_and_samples_repeat()
    {
        NoteSequence piece = Pieces.Melody(480, 69);
        var room = new SynthesizerOptions { SampleRate = Rate, Reverb = 0.4 };
        float[] wet = Synthesizer.Render(piece, room);
        Assert.True(Energy(Left(wet), 1.2, 1.7) > 5 * Energy(Left(Synthesizer.Render(piece, _dry)), 1.2, 1.7));
        Assert.Equal(wet, Synthesizer.Render(piece, room));
        Assert.All(wet, sample => Assert.True(float.IsFinite(sample)));
        Assert.All(Synthesizer.Render(new NoteSequence(480, []), _dry), sample => Assert.Equal(0, sample));
        Assert.Contains(
            Synthesizer.Render(new NoteSequence(480, [new Note(38, 0, 240) { Channel = 9 }]), _dry), sample => Math.Abs(sample) > 0.5f);
    }

    [Fact]
    public void A_wav_file_has_16_bits_and_two_channels()
    {
        using var folder = new TemporaryFolder();
        NoteSequence piece = Pieces.Melody(480, 69);
        string path = folder.File("piece.wav");
        Synthesizer.WriteWav(path, piece, _dry);
        Assert.Equal([path], Directory.GetFiles(folder.Path));

        byte[] wav = File.ReadAllBytes(path);
        using var stream = new MemoryStream();
        Synthesizer.WriteWav(stream, piece, _dry);
        Assert.Equal(wav, stream.ToArray());
        float[] samples = Synthesizer.Render(piece, _dry);
        Assert.Equal("RIFF"u8, wav.AsSpan(0, 4));
        Assert.Equal("WAVEfmt "u8, wav.AsSpan(8, 8));
        Assert.Equal((1, 2, Rate, 16), (Word(20), Word(22), BinaryPrimitives.ReadInt32LittleEndian(wav.AsSpan(24)), Word(34)));
        int data = wav.AsSpan().IndexOf("data"u8);
        Assert.Equal(2 * samples.Length, BinaryPrimitives.ReadInt32LittleEndian(wav.AsSpan(data + 4)));
        Assert.Equal(wav.Length, data + 8 + 2 * samples.Length);
        for (int i = 0; i < samples.Length; i += 97)
            Assert.InRange(samples[i] - BinaryPrimitives.ReadInt16LittleEndian(wav.AsSpan(data + 8 + 2 * i)) / 32767f, -1e-4, 1e-4);

        int Word(int place) => BinaryPrimitives.ReadInt16LittleEndian(wav.AsSpan(place));
    }

    [Fact]
    public void Bounds_and_cancellation_hold()
    {
        var hours = new NoteSequence(480, [new Note(60, 0, 480 * 2 * 3600)]);
        Assert.Contains("1:00:00", Assert.Throws<ArgumentException>(() => Synthesizer.Render(hours)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(
            () => Synthesizer.Render(Pieces.Melody(480, 60), new SynthesizerOptions { SampleRate = 100 }));
        Assert.Throws<OperationCanceledException>(() => Synthesizer.Render(
            Pieces.Melody(480, 60), new SynthesizerOptions { CancellationToken = new CancellationToken(true) }));
    }

    [Fact]
    public void A_piano_roll_shows_each_note_in_its_place_and_color()
    {
        byte[] png = PianoRollImage.ToPng(Pieces.Chords([72, 60], [72, 62]));
        using SKBitmap image = SKBitmap.Decode(png);
        // 17 pitches from 58 to 74, 7 pixels each; 24 pixels a quarter note.
        Assert.Equal((2 * 24 + 1, 17 * 7), (image.Width, image.Height));
        SKColor soprano = At(72, 12), alto = At(60, 12);
        Assert.NotEqual(soprano, alto);
        Assert.Equal((soprano, alto), (At(72, 36), At(62, 36)));
        Assert.Equal(At(66, 12), At(73, 12));
        Assert.NotEqual(alto, At(60, 36));
        Assert.NotEqual(At(66, 12), At(67, 12));

        SKColor At(int pitch, int x) => image.GetPixel(x, (74 - pitch) * 7 + 3);
    }

    private static float[] Left(float[] samples) => [.. samples.Where((_, i) => i % 2 == 0)];

    private static double Energy(float[] samples, double from, double to) =>
        samples[(int)(from * Rate)..Math.Min(samples.Length, (int)(to * Rate))].Sum(sample => (double)sample * sample);

    // The power at a frequency, by correlation with a windowed wave.
    private static double Power(float[] samples, double frequency)
    {
        (double re, double im) = (0, 0);
        for (int i = 0; i < samples.Length; i++)
        {
            double window = 0.5 - 0.5 * Math.Cos(2 * Math.PI * i / samples.Length), angle = 2 * Math.PI * frequency * i / Rate;
            re += samples[i] * window * Math.Cos(angle);
            im += samples[i] * window * Math.Sin(angle);
        }

        return re * re + im * im;
    }
}
