using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Rewards;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>
/// Says how good an image is: the higher, the better. It is the common type of all rewards, which its methods create; no other can be
/// derived from it.
/// </summary>
/// <remarks>
/// <see cref="DiffusionRewardEstimator"/> trains a model towards a reward; <see cref="ImageRewardExtensions"/> choose among generated
/// images by it, which needs no training.
/// </remarks>
/// <example>
/// <code>
/// ImageClassifierTransformer classifier = mlContext.Transforms.Generative().ImageClassifier("Label", "Image").Fit(data);
/// ImageReward isSeven = ImageReward.FromModel(classifier, className: "7");
/// ImageReward isSimple = ImageReward.CompressedSize();
/// ImageReward both = ImageReward.Weighted((1, isSeven), (-0.5, isSimple));
/// IReadOnlyList&lt;double&gt; scores = both.Score(testData, "Image");
/// </code>
/// </example>
public abstract class ImageReward
{
    /// <summary>A quality of JPEG at which artifacts are not seen, as Black et al. 2023 use it.</summary>
    private const int DefaultQuality = 95;

    private protected ImageReward()
    {
    }

    /// <summary>Creates a reward from a function of one image.</summary>
    /// <param name="function">Computes the reward, a finite number. It is called on the thread that generates or trains.</param>
    public static ImageReward FromFunction(Func<GeneratedImage, double> function)
    {
        ArgumentNullException.ThrowIfNull(function);
        return new FunctionReward(function);
    }

    /// <summary>Creates a reward from a fitted model or pipeline that scores images, such as an image classifier.</summary>
    /// <param name="model">
    /// The model. It reads images as vectors of Single in 0..1 with the dimensions channels × height × width, and adds a column of scores.
    /// It has to live as long as the reward.
    /// </param>
    /// <param name="className">
    /// Where the scores are a vector with one for each class: the name of the class whose score is the reward, such as a slot's name or its
    /// number from 0. Default: the class that the image was generated for.
    /// </param>
    /// <param name="scoreColumnName">The column of scores: a Single, or a vector of them.</param>
    /// <param name="imageColumnName">The column that the model reads.</param>
    public static ImageReward FromModel(
        ITransformer model, string? className = null, string scoreColumnName = "Score", string imageColumnName = "Image")
    {
        ArgumentNullException.ThrowIfNull(model);
        OptionChecks.NullOrNotEmpty(className);
        OptionChecks.NotEmpty(scoreColumnName);
        OptionChecks.NotEmpty(imageColumnName);
        return new ModelReward(model, className, scoreColumnName, imageColumnName);
    }

    /// <summary>
    /// Creates a reward that is the size of the image as a JPEG file, in thousands of bytes: detail and noise make it large. For simple
    /// images, weigh it below 0 with <see cref="Weighted"/>.
    /// </summary>
    /// <param name="quality">The quality of the file, 1 to 100.</param>
    /// <exception cref="ArgumentOutOfRangeException">The quality is out of its range.</exception>
    public static ImageReward CompressedSize(int quality = DefaultQuality)
    {
        OptionChecks.Between(quality, 1, 100);
        return new CompressedSizeReward(quality);
    }

    /// <summary>Creates a reward that is the weighted sum of others.</summary>
    /// <param name="rewards">The rewards with their weights, which may be negative; at least one.</param>
    /// <exception cref="ArgumentException">There are none, or a weight is not finite.</exception>
    public static ImageReward Weighted(params (double Weight, ImageReward Reward)[] rewards)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        if (rewards.Length == 0)
            throw new ArgumentException("There is no reward; expected at least one.", nameof(rewards));
        foreach ((double weight, ImageReward reward) in rewards)
        {
            ArgumentNullException.ThrowIfNull(reward, nameof(rewards));
            if (!double.IsFinite(weight))
                throw new ArgumentException($"A weight is {weight}; expected finite numbers.", nameof(rewards));
        }

        return new WeightedReward([.. rewards]);
    }

    /// <summary>Scores the images of a column.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="imageColumnName">
    /// The column of images, or of vectors of Single in 0..1 or Byte with the dimensions channels × height × width.
    /// </param>
    /// <param name="labelColumnName">A key column with the classes of the images, if they have some.</param>
    /// <returns>The reward of each row.</returns>
    /// <exception cref="ArgumentException">A column is missing or of another type, or the reward does not fit the images.</exception>
    /// <exception cref="InvalidOperationException">A reward is not finite, or a model does not score each image.</exception>
    public IReadOnlyList<double> Score(IDataView data, string imageColumnName = "Generated", string? labelColumnName = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        OptionChecks.NotEmpty(imageColumnName);
        IHost host = ((IHostEnvironment)new MLContext()).Register(nameof(ImageReward));
        return Score(host, RewardedImages.Read(host, data, imageColumnName, labelColumnName));
    }

    /// <summary>Scores images.</summary>
    /// <exception cref="ArgumentException">The reward does not fit the images.</exception>
    /// <exception cref="InvalidOperationException">A reward is not finite.</exception>
    internal double[] Score(IHost host, RewardedImages images)
    {
        double[] scores = Compute(host, images);
        for (int i = 0; i < scores.Length; i++)
        {
            if (!double.IsFinite(scores[i]))
                throw new InvalidOperationException($"The reward of image {i} is {scores[i]}; expected a finite number.");
        }

        return scores;
    }

    /// <summary>Checks that images can be scored, before any are generated.</summary>
    /// <param name="host">The host of what scores them.</param>
    /// <param name="images">No images, with their shape and all of their classes.</param>
    /// <exception cref="ArgumentException">They cannot; the message names the column or class at fault.</exception>
    internal virtual void Check(IHost host, RewardedImages images)
    {
    }

    private protected abstract double[] Compute(IHost host, RewardedImages images);
}
