using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Generative.Tests;

/// <inheritdoc cref="Avx512FactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class Avx512TheoryAttribute : TheoryAttribute
{
    public Avx512TheoryAttribute()
    {
        if (!Avx512F.IsSupported)
            Skip = "Runs on processors with AVX-512 only.";
    }
}
