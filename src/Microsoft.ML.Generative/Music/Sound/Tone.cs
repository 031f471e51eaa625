using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Music.Sound;

/// <summary>The sound of one note.</summary>
internal readonly ref struct Tone
{
    private const double A4 = 440;

    // Harmonics above it would come back as other tones.
    private const double HighestPart = 0.45;

    // Loudness in amplitude, so that chords of many voices do not drown.
    private const double Loudness = 0.2;

    private readonly Note _note;
    private readonly double _start;
    private readonly double _end;
    private readonly int _rate;
    private readonly double _cents;

    public Tone(Note note, double start, double end, int rate, double cents) =>
        (_note, _start, _end, _rate, _cents) = (note, start, end, rate, cents);

    /// <summary>Adds the note to the samples of both channels.</summary>
    public void AddTo(float[] left, float[] right)
    {
        Timbre timbre = _note.IsDrum ? Drum(_note.Pitch) : Timbre.Of(_note.Instrument);
        double frequency = A4 * Math.Pow(2, (_note.Pitch - 69 + _cents / 100) / 12);
        int first = (int)(_start * _rate), count = Math.Min(left.Length - first, (int)((_end - _start + 5 * timbre.Release) * _rate));
        if (count <= 0)
            return;
        double[] wave = new double[count];
        if (_note.IsDrum)
            AddNoise(wave);
        else
            AddHarmonics(wave, timbre, frequency);

        double gain = Loudness * _note.Velocity / 127 * _note.Velocity / 127;
        // Voices sit side by side: the first left of the middle, the second right of it, and so on outwards.
        double pan = Math.PI / 4 * (1 + (_note.Voice % 2 == 0 ? -1 : 1) * Math.Min(0.6, 0.2 * (1 + _note.Voice / 2)));
        (float toLeft, float toRight) = ((float)(gain * Math.Cos(pan)), (float)(gain * Math.Sin(pan)));
        // A struck string of a high tone dies away sooner.
        double halfLife = timbre.HalfLife * Math.Sqrt(A4 / Math.Max(frequency, 1));
        double decay = timbre.HalfLife > 0 ? Math.Pow(0.5, 1 / (halfLife * _rate)) : 1, fade = Math.Exp(-1 / (timbre.Release * _rate));
        double held = 1, released = 1;
        int attack = Math.Max(1, (int)(timbre.Attack * _rate)), length = (int)((_end - _start) * _rate);
        for (int i = 0; i < count; i++)
        {
            if (i >= length)
                released *= fade;
            held *= decay;
            double envelope = held * released * (i < attack ? (double)i / attack : 1);
            left[first + i] += (float)(wave[i] * envelope) * toLeft;
            right[first + i] += (float)(wave[i] * envelope) * toRight;
        }
    }

    // Each harmonic by the recursion s(n) = 2 cos(w) s(n-1) - s(n-2).
    private void AddHarmonics(double[] wave, Timbre timbre, double frequency)
    {
        double sum = timbre.Harmonics.Sum();
        for (int harmonic = 1; harmonic <= timbre.Harmonics.Length; harmonic++)
        {
            double w = 2 * Math.PI * frequency * harmonic / _rate;
            if (frequency * harmonic > HighestPart * _rate)
                break;
            double amplitude = timbre.Harmonics[harmonic - 1] / sum, twice = 2 * Math.Cos(w);
            double before = -amplitude * Math.Sin(w), now = 0;
            for (int i = 0; i < wave.Length; i++)
            {
                wave[i] += now;
                (before, now) = (now, twice * now - before);
            }
        }
    }

    // A drum is noise; a low one is smoother.
    private void AddNoise(double[] wave)
    {
        var random = new RowRandom(_note.Pitch, _note.Start);
        double smooth = _note.Pitch < 41 ? 0.02 : _note.Pitch < 50 ? 0.2 : 0.8, value = 0;
        for (int i = 0; i < wave.Length; i++)
            wave[i] = value += smooth * (random.Between(-1, 1) - value);
    }

    private static Timbre Drum(int pitch) => new([], 0.001, 0.05, pitch < 41 ? 0.08 : 0.05);
}
