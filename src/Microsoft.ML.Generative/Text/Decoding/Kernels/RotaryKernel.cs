using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>Rotates pairs of values by an angle that grows with the position, as <see cref="RotaryEmbedding"/> does.</summary>
internal sealed unsafe class RotaryKernel(RotaryShape shape)
{
    private readonly double[] _frequencies = shape.Frequencies();

    /// <summary>Writes a position's cosines and sines, [head size / 2] each.</summary>
    public void Angles(int position, float* cosines, float* sines)
    {
        for (int i = 0; i < _frequencies.Length; i++)
        {
            (double sine, double cosine) = Math.SinCos(position * _frequencies[i]);
            (cosines[i], sines[i]) = ((float)cosine, (float)sine);
        }
    }

    /// <summary>Rotates heads, [heads, head size], in place.</summary>
    public void Rotate(float* x, int heads, float* cosines, float* sines)
    {
        int half = _frequencies.Length, step = shape.IsInterleaved ? 2 : 1, partner = shape.IsInterleaved ? 1 : half;
        for (int head = 0; head < heads; head++, x += 2 * half)
        {
            float* a = x, b = x + partner;
            for (int i = 0; i < half; i++, a += step, b += step)
                (*a, *b) = (*a * cosines[i] - *b * sines[i], *b * cosines[i] + *a * sines[i]);
        }
    }
}
