namespace Microsoft.ML.Generative;

internal static class PretrainedDiffusion
{
    public static void Save(string folder, DiffusionConfig config, DenoiserNetwork network) => throw new NotSupportedException();
}
