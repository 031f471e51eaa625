using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Microsoft.ML.Generative.Runtime.Kernels;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// softmax(q · K) V of one head and one position over pages of a <see cref="KeyValueCache"/> (Vaswani et al. 2017, eq. 1).
/// </summary>
internal static unsafe class AttentionKernel
{
    /// <param name="query">[head size], already divided by its root.</param>
    /// <param name="ring">The pages, which are used in a ring.</param>
    /// <param name="pages">Pages in the ring.</param>
    /// <param name="keys">Where the head's keys are in a page.</param>
    /// <param name="values">Where the head's values are in a page.</param>
    /// <param name="first">The first position that is attended to.</param>
    /// <param name="position">The last, which is the position's own.</param>
    /// <param name="headSize">Values of a head.</param>
    /// <param name="scores">Room for the positions of all pages that are attended to.</param>
    /// <param name="output">[head size].</param>
    /// <param name="bias">
    /// What is added to the scores of the positions from <paramref name="first"/> on; or null.
    /// </param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Attend(
        float* query, float** ring, int pages, nint keys, nint values, int first, int position, int headSize, float* scores, float* output,
        float* bias = null)
    {
        int width = Vector<float>.Count, pageLength = 4 * width;
        int firstPage = first / pageLength, lastPage = position / pageLength, start = firstPage * pageLength;
        int count = (lastPage - firstPage + 1) * pageLength, firstSlot = firstPage % pages;

        float* next = scores;
        for (int page = firstPage, slot = firstSlot; page <= lastPage; page++, slot = slot + 1 == pages ? 0 : slot + 1, next += pageLength)
        {
            Vector<float> s0 = default, s1 = default, s2 = default, s3 = default;
            float* k = ring[slot] + keys;
            for (int i = 0; i < headSize; i++, k += pageLength)
            {
                var q = new Vector<float>(query[i]);
                s0 = Vector.FusedMultiplyAdd(q, Vector.Load(k), s0);
                s1 = Vector.FusedMultiplyAdd(q, Vector.Load(k + width), s1);
                s2 = Vector.FusedMultiplyAdd(q, Vector.Load(k + 2 * width), s2);
                s3 = Vector.FusedMultiplyAdd(q, Vector.Load(k + 3 * width), s3);
            }

            s0.Store(next);
            s1.Store(next + width);
            s2.Store(next + 2 * width);
            s3.Store(next + 3 * width);
        }

        if (bias is not null)
        {
            Span<float> biased = new(scores + (first - start), position + 1 - first);
            TensorPrimitives.Add(biased, new ReadOnlySpan<float>(bias, biased.Length), biased);
        }

        new Span<float>(scores, first - start).Fill(float.NegativeInfinity);
        new Span<float>(scores + (position + 1 - start), count - (position + 1 - start)).Fill(float.NegativeInfinity);
        var scale = new Vector<float>(1 / Softmax(scores, count));

        int o = 0;
        for (; o + 4 <= headSize; o += 4)
        {
            Vector<float> a = default, b = default, c = default, d = default;
            next = scores;
            for (int page = firstPage, slot = firstSlot; page <= lastPage; page++, slot = slot + 1 == pages ? 0 : slot + 1)
            {
                float* v = ring[slot] + values + (nint)o * pageLength;
                for (int i = 0; i < 4; i++, v += width, next += width)
                {
                    Vector<float> p = Vector.Load(next);
                    a = Vector.FusedMultiplyAdd(p, Vector.Load(v), a);
                    b = Vector.FusedMultiplyAdd(p, Vector.Load(v + pageLength), b);
                    c = Vector.FusedMultiplyAdd(p, Vector.Load(v + 2 * pageLength), c);
                    d = Vector.FusedMultiplyAdd(p, Vector.Load(v + 3 * pageLength), d);
                }
            }

            VectorMath.Sums(a * scale, b * scale, c * scale, d * scale).Store(output + o);
        }

        for (; o < headSize; o++)
        {
            Vector<float> a = default;
            next = scores;
            for (int page = firstPage, slot = firstSlot; page <= lastPage; page++, slot = slot + 1 == pages ? 0 : slot + 1)
            {
                float* v = ring[slot] + values + (nint)o * pageLength;
                for (int i = 0; i < 4; i++, v += width, next += width)
                    a = Vector.FusedMultiplyAdd(Vector.Load(next), Vector.Load(v), a);
            }

            output[o] = VectorMath.Sum(a * scale);
        }
    }

    // Replaces scores by e^(score − most) and returns their sum.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Softmax(float* scores, int count)
    {
        Vector<float> most = Vector.Load(scores);
        for (int i = Vector<float>.Count; i < count; i += Vector<float>.Count)
            most = Vector.Max(most, Vector.Load(scores + i));
        var highest = new Vector<float>(VectorMath.Max(most));
        Vector<float> sum = default;
        for (int i = 0; i < count; i += Vector<float>.Count)
        {
            Vector<float> e = VectorMath.Exp(Vector.Load(scores + i) - highest);
            e.Store(scores + i);
            sum += e;
        }

        return VectorMath.Sum(sum);
    }
}
