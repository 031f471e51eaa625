#if false
#endif
namespace Microsoft.ML.Generative.Benchmarks;
internal static class ElboWorkload { public static object Run(BenchmarkSettings settings) => throw new NotSupportedException(); }
