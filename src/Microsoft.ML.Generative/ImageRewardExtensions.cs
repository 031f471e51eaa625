using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Rows;

namespace Microsoft.ML.Generative;

/// <summary>
/// Chooses among generated images by a reward: what <c>Generate</c> of any model of images gives becomes better images, without training.
/// </summary>
/// <example>
/// <code>
/// GanTransformer model = mlContext.Transforms.Generative().Gan("Image").Fit(data);
/// ImageReward ink = ImageReward.FromFunction(image => image.Values.ToArray().Average());
/// IDataView best = model.Generate(16 * 8, new() { Seed = 1 }).SelectBest(candidates: 8, ink);   // 16 images
/// IDataView more = model.Generate(256, new() { Seed = 1 }).SampleByReward(16, ink, temperature: 0.02, seed: 1);
/// </code>
/// </example>
public static class ImageRewardExtensions
{
    /// <summary>The column of the images' rewards in the results.</summary>
    private const string RewardColumnName = "Reward";

    /// <summary>Keeps the best of each group of images that follow each other (best of n).</summary>
    /// <param name="images">Generated images: what <c>Generate</c> of a model returned.</param>
    /// <param name="candidates">Images of a group, at least 1; divides the number of images.</param>
    /// <param name="reward">What the best has most of.</param>
    /// <returns>The columns of the images, and a column Reward; one row per group.</returns>
    /// <exception cref="ArgumentException">
    /// The rows are no generated images, the number of candidates does not divide them, or the reward does not fit them.
    /// </exception>
    /// <exception cref="InvalidOperationException">A reward is not finite.</exception>
    public static IDataView SelectBest(this IDataView images, int candidates, ImageReward reward)
    {
        (MemoryDataView rows, double[] rewards) = Score(images, reward);
        OptionChecks.AtLeast(candidates, 1);
        if (rewards.Length % candidates != 0)
            throw new ArgumentException(
                $"There are {rewards.Length} images for groups of {candidates}; expected a multiple of it.", nameof(candidates));
        int[] best = [.. Enumerable.Range(0, rewards.Length / candidates).Select(
            group => Enumerable.Range(group * candidates, candidates).MaxBy(i => rewards[i]))];
        return Take(rows, best, rewards);
    }

    /// <summary>
    /// Samples images with probabilities that grow with their reward, exp(reward / temperature): as if from the distribution that gains
    /// most reward for its divergence from the model's own, the better the more images there are (importance sampling).
    /// </summary>
    /// <param name="images">Generated images: what <c>Generate</c> of a model returned.</param>
    /// <param name="count">The number of images to sample, at least 0; the same image may be sampled several times.</param>
    /// <param name="reward">What sampled images have more of.</param>
    /// <param name="temperature">The reward that makes an image e times as likely, above 0.</param>
    /// <param name="seed">The same seed samples the same images. Default: others each time.</param>
    /// <returns>The columns of the images, and a column Reward.</returns>
    /// <exception cref="ArgumentException">
    /// The rows are no generated images or there are none, an argument is out of its range, or the reward does not fit the images.
    /// </exception>
    /// <exception cref="InvalidOperationException">A reward is not finite.</exception>
    public static IDataView SampleByReward(
        this IDataView images, int count, ImageReward reward, double temperature, int? seed = null)
    {
        (MemoryDataView rows, double[] rewards) = Score(images, reward);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        OptionChecks.Positive(temperature);
        if (rewards.Length == 0)
            throw new ArgumentException("The data is empty: no image to sample.", nameof(images));
        double highest = rewards.Max();
        double[] weights = [.. rewards.Select(r => Math.Exp((r - highest) / temperature))];
        double sum = weights.Sum();
        var random = new RowRandom(seed ?? Random.Shared.Next(), 0);
        int[] sampled = new int[count];
        for (int i = 0; i < count; i++)
        {
            double rest = random.NextDouble() * sum;
            while (sampled[i] + 1 < weights.Length && (rest -= weights[sampled[i]]) >= 0)
                sampled[i]++;
        }

        return Take(rows, sampled, rewards);
    }

    private static (MemoryDataView Rows, double[] Rewards) Score(IDataView images, ImageReward reward)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(reward);
        const string Generated = "Generated";
        if (images is not MemoryDataView rows || images.Schema.GetColumnOrNull(Generated) is null)
            throw new ArgumentException(
                $"The rows have the columns {string.Join(", ", images.Schema.Select(c => $"'{c.Name}'"))}; expected what Generate of a "
                + "model returned, unchanged.", nameof(images));
        DataViewSchema.Column[] labels = [.. rows.Schema.Where(c => c.Type is KeyDataViewType)];
        return (rows, [.. reward.Score(rows, Generated, labels is [var label] ? label.Name : null)]);
    }

    private static MemoryDataView Take(MemoryDataView rows, int[] places, double[] rewards) =>
        rows.Take(places, MemoryColumn.Singles(RewardColumnName, [.. rewards.Select(r => (float)r)]));
}
