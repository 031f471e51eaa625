namespace Microsoft.ML.Generative.Music.Sound;

/// <summary>The sound of a room: parallel combs, which repeat, then all-passes, which smear (Schroeder 1962; Freeverb's delays).</summary>
internal static class Reverberation
{
    private const int UsualRate = 44_100;
    private const int Spread = 23;
    private const float Feedback = 0.84f;
    private const float Damping = 0.2f;
    private const float Smear = 0.5f;
    private const float Gain = 0.08f;

    private static readonly int[] _combs = [1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617];
    private static readonly int[] _passes = [556, 441, 341, 225];

    /// <summary>Mixes the room's sound to both channels.</summary>
    public static void Apply(float[] left, float[] right, int rate, float part)
    {
        float[] input = new float[left.Length];
        for (int i = 0; i < input.Length; i++)
            input[i] = (left[i] + right[i]) * Gain;
        Mix(left, input, rate, 0, part);
        Mix(right, input, rate, Spread, part);
    }

    private static void Mix(float[] channel, float[] input, int rate, int spread, float part)
    {
        float[] wet = new float[input.Length];
        foreach (int delay in _combs)
            Comb(input, wet, Scaled(delay + spread, rate));
        foreach (int delay in _passes)
            AllPass(wet, Scaled(delay + spread, rate));
        for (int i = 0; i < channel.Length; i++)
            channel[i] = (1 - part) * channel[i] + part * wet[i];
    }

    private static int Scaled(int delay, int rate) => Math.Max(1, (int)((long)delay * rate / UsualRate));

    private static void Comb(float[] input, float[] output, int delay)
    {
        float[] line = new float[delay];
        float damped = 0;
        for (int i = 0, place = 0; i < input.Length; i++, place = place + 1 == delay ? 0 : place + 1)
        {
            float delayed = line[place];
            output[i] += delayed;
            damped = Flushed(delayed * (1 - Damping) + damped * Damping);
            line[place] = input[i] + damped * Feedback;
        }
    }

    private static void AllPass(float[] samples, int delay)
    {
        float[] line = new float[delay];
        for (int i = 0, place = 0; i < samples.Length; i++, place = place + 1 == delay ? 0 : place + 1)
        {
            float delayed = line[place];
            line[place] = Flushed(samples[i] + delayed * Smear);
            samples[i] = delayed - samples[i];
        }
    }

    // Subnormal numbers take a hundred times as long.
    private static float Flushed(float value) => Math.Abs(value) < 1e-20f ? 0 : value;
}
