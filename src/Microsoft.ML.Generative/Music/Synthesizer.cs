using System.Diagnostics.CodeAnalysis;
using Microsoft.ML.Generative.Music.Sound;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Music;

/// <summary>
/// Makes sound of music: sums of harmonics with envelopes, in the manner of General MIDI's families of instruments, with a reverberation.
/// It needs no sound files, and gives the same samples on every machine up to rounding.
/// </summary>
/// <example>
/// <code>
/// NoteSequence song = MidiFile.Read("song.mid");
/// Synthesizer.WriteWav("song.wav", song);
/// </code>
/// </example>
[SuppressMessage(
    "ApiDesign", "RS0026:Do not add multiple overloads with optional parameters", Justification = "A path is no stream.")]
public static class Synthesizer
{
    private const int Channels = 2;

    // Half an hour at the usual rate.
    private const long MostFrames = 44_100L * 1800;

    // What the last note and the reverberation ring on.
    private const double Tail = 2;

    private const float Peak = 0.89f;

    /// <summary>Renders a piece.</summary>
    /// <param name="piece">The piece.</param>
    /// <param name="options">Sample rate, reverberation. Default: 44.1 kHz, a room.</param>
    /// <returns>
    /// Samples in −1..1, left and right in turns, the loudest of which is 0.89; two seconds longer than the piece. Silence without notes.
    /// </returns>
    /// <exception cref="ArgumentException">An option is out of its range, or the piece has more than 79,380,000 samples.</exception>
    /// <exception cref="OperationCanceledException">The rendering was canceled.</exception>
    public static float[] Render(NoteSequence piece, SynthesizerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(piece);
        options ??= new SynthesizerOptions();
        options.Validate();
        double seconds = piece.Length.TotalSeconds + Tail;
        if (seconds * options.SampleRate > MostFrames)
        {
            throw new ArgumentException(
                $"The piece lasts {piece.Length:h\\:mm\\:ss}, which is {seconds * options.SampleRate:N0} samples per channel; expected at "
                + $"most {MostFrames:N0}.", nameof(piece));
        }

        int frames = (int)(seconds * options.SampleRate);
        (float[] left, float[] right) = (new float[frames], new float[frames]);
        foreach (Note note in piece.Notes)
        {
            options.CancellationToken.ThrowIfCancellationRequested();
            var tone = new Tone(
                note, piece.TimeAt(note.Start).TotalSeconds, piece.TimeAt(note.End).TotalSeconds, options.SampleRate, options.Tuning);
            tone.AddTo(left, right);
        }

        if (options.Reverb > 0)
            Reverberation.Apply(left, right, options.SampleRate, (float)options.Reverb);
        return Interleave(left, right);
    }

    /// <summary>Renders a piece to a WAV file of 16 bits and two channels. It appears under its name only when it is complete.</summary>
    /// <param name="path">The file.</param>
    /// <param name="piece">The piece.</param>
    /// <param name="options">As for <see cref="Render"/>.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <inheritdoc cref="Render" path="/exception"/>
    public static void WriteWav(string path, NoteSequence piece, SynthesizerOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        byte[] file = Wav(piece, options);
        AtomicFile.Write(path, stream => stream.Write(file));
    }

    /// <summary>Renders a piece to a WAV file in a stream.</summary>
    /// <param name="stream">The stream, which stays open.</param>
    /// <param name="piece">The piece.</param>
    /// <param name="options">As for <see cref="Render"/>.</param>
    /// <inheritdoc cref="Render" path="/exception"/>
    public static void WriteWav(Stream stream, NoteSequence piece, SynthesizerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.Write(Wav(piece, options));
    }

    private static byte[] Wav(NoteSequence piece, SynthesizerOptions? options)
    {
        float[] samples = Render(piece, options);
        using var stream = new MemoryStream();
        using (var writer = new NAudio.Wave.WaveFileWriter(
            stream, new NAudio.Wave.WaveFormat(options?.SampleRate ?? new SynthesizerOptions().SampleRate, 16, Channels)))
        {
            writer.WriteSamples(samples, 0, samples.Length);
        }

        return stream.ToArray();
    }

    private static float[] Interleave(float[] left, float[] right)
    {
        float loudest = 0;
        for (int i = 0; i < left.Length; i++)
            loudest = Math.Max(loudest, Math.Max(Math.Abs(left[i]), Math.Abs(right[i])));
        float scale = loudest > 0 ? Peak / loudest : 0;
        float[] samples = new float[Channels * left.Length];
        for (int i = 0; i < left.Length; i++)
            (samples[Channels * i], samples[Channels * i + 1]) = (left[i] * scale, right[i] * scale);
        return samples;
    }
}
