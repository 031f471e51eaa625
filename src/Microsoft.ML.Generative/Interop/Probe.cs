using Microsoft.ML.Runtime;
namespace Microsoft.ML.Generative;
internal static class Probe { public static int? Seed(MLContext ml) => ((IHostEnvironmentInternal)ml).Seed; }
