using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A test of a kernel that other processors do not have.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class Avx512FactAttribute : FactAttribute
{
    public Avx512FactAttribute()
    {
        if (!Avx512F.IsSupported)
            Skip = "Runs on processors with AVX-512 only.";
    }
}
