namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>Counts the parameters of a U-Net without making it.</summary>
internal static class UNetSize
{
    /// <exception cref="OverflowException">More than can be counted.</exception>
    public static long CountParameters(UNetArchitecture config)
    {
        checked
        {
            int[] channels = config.BlockOutChannels;
            long size = config.EmbeddingSize, first = channels[0], deepest = channels[^1];
            long sum = Convolution(config.InChannels, first, 3) + Linear(first, size) + Linear(size, size)
                + Norm(first) + Convolution(first, config.OutChannels, 3)
                + (config.LearnedTimesteps ?? 0) * first + config.ClassCount * size * (1 + config.ContextTokens);
            for (int level = 0; level < config.Levels; level++)
            {
                long width = channels[level], finer = channels[Math.Max(0, level - 1)], coarser = channels[Math.Min(level + 1, config.Levels - 1)];
                UNetBlockKind down = config.DownBlocks[level], up = config.UpBlocks[config.Levels - 1 - level];

                sum += Residual(finer, width) + (config.LayersPerBlock - 1) * Residual(width, width) + config.LayersPerBlock * Attentions(width, down);
                if (level < config.Levels - 1)
                    sum += IsResampling(down, config.AttentionDownsamplesByResidual) ? Residual(width, width) : Convolution(width, width, 3);

                for (int i = 0; i <= config.LayersPerBlock; i++)
                    sum += Residual((i == 0 ? coarser : width) + (i == config.LayersPerBlock ? finer : width), width) + Attentions(width, up);
                if (level > 0)
                    sum += IsResampling(up, config.AttentionUpsamplesByResidual) ? Residual(width, width) : Convolution(width, width, 3);
            }

            if (config.HasMidBlock)
            {
                sum += 2 * Residual(deepest, deepest);
                if (config.HasMidAttention)
                    sum += Attention(deepest, deepest, hasNorm: config.MidAttentionNormGroups is not null || !config.ScalesAndShifts) + Cross(deepest);
            }

            return sum;

            long Residual(long inputs, long outputs) =>
                Norm(inputs) + Convolution(inputs, outputs, 3) + Linear(size, config.ScalesAndShifts ? 2 * outputs : outputs) + Norm(outputs)
                + Convolution(outputs, outputs, 3) + (inputs == outputs ? 0 : Convolution(inputs, outputs, 1));

            long Attentions(long width, UNetBlockKind kind) => kind == UNetBlockKind.Attention ? Attention(width, width, hasNorm: true) + Cross(width) : 0;

            long Cross(long width) => config.ContextTokens == 0 ? 0 : Attention(width, size, hasNorm: true);
        }
    }

    private static bool IsResampling(UNetBlockKind kind, bool attentionIs) => kind == UNetBlockKind.Resampling || (kind == UNetBlockKind.Attention && attentionIs);

    private static long Attention(long width, long seen, bool hasNorm) =>
        checked((hasNorm ? Norm(width) : 0) + 2 * Linear(width, width) + 2 * Linear(seen, width));

    private static long Convolution(long inputs, long outputs, long kernelSize) => checked(inputs * outputs * kernelSize * kernelSize + outputs);

    private static long Linear(long inputs, long outputs) => checked(inputs * outputs + outputs);

    private static long Norm(long channels) => checked(2 * channels);
}
